/* program_words: the words of a Lua program, one after the other, without comments and without what is in strings.
 *
 * A plain value that points into the caller's bytes, which may be anything. It is for looking at programs that are not run: it finds out
 * what a file is, and which functions it uses. It does not check the grammar.
 */
#ifndef MOONGATE_CONVERT_PROGRAM_WORDS_H
#define MOONGATE_CONVERT_PROGRAM_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program_words {
    const char *at, *end;
    uint32_t line; /* of the word, from 1 */
    int depth; /* how many blocks that end with `end` or `until` the word is in; the word that opens one is outside */
    int nesting; /* likewise brackets of all kinds */
    char before; /* the byte before the word that is not blank; 0: none */
    const char *
        word; /* a name (dots and colons are words of their own), a number, a string with its quotes, or one byte */
    size_t len;
    /* for program_words_next: what the word before does to the depths of this one */
    int opens, nests;
};

struct program_words program_words_begin(const char *bytes, size_t len);

/* Goes to the next word. False: there is none. */
bool program_words_next(struct program_words *w);

bool program_word_is(const struct program_words *w, const char *text);

#endif
