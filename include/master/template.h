/* template: a text with places for values and with parts that are repeated, written to a stream.
 *
 * Owns nothing: the text is moongate's own, and the keeper gives the values. In the text stand
 *
 *   {{name}}                 a value
 *   {{#name}} ... {{/name}}  a part that is written once for each item of a list, or not at all
 *   {{^name}} ... {{/name}}  a part that is written when the list has no item
 *
 * Parts may stand inside parts, but not inside parts of the same name.
 */
#ifndef MOONGATE_MASTER_TEMPLATE_H
#define MOONGATE_MASTER_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct template_keeper {
    /* Writes the value of that name, escaped. False: there is no such name. */
    bool (*value)(void *arg, const char *name, FILE *out);
    /* Goes to item i of a list. False: there is none, and the values are those outside it again. */
    bool (*item)(void *arg, const char *list, size_t i);
    void *arg;
};

/* Writes the text. A text that is not well-formed, or names an unknown value, trips an assertion. */
void template_write(const char *text, const struct template_keeper *k, FILE *out);

#endif
