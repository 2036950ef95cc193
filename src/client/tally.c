#include "client/tally.h"

#include <string.h>

/* Lines that a command cannot be told from: an empty one, an unknown word, bytes that are no request at all. */
static const char UNKNOWN[] = "unknown";

/* Only now, and not when the worker starts: an entry takes memory in each worker, and most clients know few commands. */
struct board_command *tally_add_command(struct clients *set, unsigned command)
{
    const char *name = command == COMMAND_NONE ? UNKNOWN : command_info(command)->text;
    set->commands[command] = board_command(&set->turn->backends->part->tables, name);
    return set->commands[command];
}

void tally_error(struct client *c, struct board_command *entry, enum tally_error error)
{
    struct board_listener *listener = c->counts;
    switch (error) {
    case TALLY_NO_ERROR: break;
    case TALLY_CLIENT_ERROR:
        entry->client_errors++;
        listener->client_errors++;
        break;
    case TALLY_SERVER_ERROR:
        entry->server_errors++;
        listener->server_errors++;
        break;
    case TALLY_SCRIPT_ERROR:
        entry->script_errors++;
        listener->script_errors++;
        break;
    }
}

void tally_silent(struct client *c, unsigned command, const char *line)
{
    tally_unanswered(c, command);
    tally_error(c, tally_command(c->set, command),
                line ? tally_error_of(line, strlen(line)) : TALLY_CLIENT_ERROR);
}

static bool begins(const void *line, size_t len, const char *word)
{
    return len >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

enum tally_error tally_error_of(const void *line, size_t len)
{
    if (begins(line, len, "SERVER_ERROR")) return TALLY_SERVER_ERROR;
    if (begins(line, len, "ERROR") || begins(line, len, "CLIENT_ERROR")) return TALLY_CLIENT_ERROR;
    return TALLY_NO_ERROR;
}
