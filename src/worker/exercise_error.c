/* A script also writes lines of its own, with print and mg.log. None of them is taken for its error: the error has the level error,
 * and comes after what the function has written, as it ends the function.
 */
#include "worker/exercise_error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Line ends and tabs are escaped in a line of the log, and will be again. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        bool is_pair = at[0] == '\\' && (at[1] == 'n' || at[1] == 't');
        *to++ = is_pair ? (at[1] == 'n' ? '\n' : '\t') : *at;
        at += is_pair;
    }
    *to = '\0';
}

/* What a line of the log says of the script, where its level is error; else NULL. */
static const char *error_in(const char *line, const char *script)
{
    static const char level[] = " error ", head[] = "]: script ";
    const char *at = strchr(line, ' '); /* behind the time */
    if (!at || strncmp(at, level, sizeof level - 1) != 0) return NULL;
    at = strstr(at, head);
    if (!at) return NULL;
    at += sizeof head - 1;
    return strncmp(at, script, strlen(script)) == 0 ? at + strlen(script) + 2 : at;
}

void exercise_error_forget(int log)
{
    if (ftruncate(log, 0) == 0) lseek(log, 0, SEEK_SET);
}

void exercise_error_read(int log, const char *script, char *error, size_t size)
{
    char *line = NULL;
    size_t room = 0;
    int copy = dup(log);
    FILE *lines = copy >= 0 ? fdopen(copy, "r") : NULL;
    error[0] = '\0';
    if (lines) {
        rewind(lines);
        while (getline(&line, &room, lines) > 0) {
            const char *at = error_in(line, script);
            if (at) snprintf(error, size, "%.*s", (int)strcspn(at, "\n"), at);
        }
        fclose(lines);
    } else if (copy >= 0) {
        close(copy);
    }
    free(line);
    unescape(error);
    exercise_error_forget(log);
}
