#include "tools/verify_print.h"

#include <inttypes.h>
#include <stdio.h>

static void print_line(uint64_t n, const char *text)
{
    if (n > 0) printf("  %" PRIu64 " %s\n", n, text);
}

void verify_print_text(const struct verify_counts *n, bool dry_run)
{
    const char *would = dry_run ? "would be " : "";
    char text[80];
    printf("%" PRIu64 " compared in %.1f s\n", n->moves, n->seconds);
    print_line(n->equal, "are the same in both places");
    print_line(n->gone, "are in neither place any more");
    const struct {
        uint64_t n;
        const char *what;
    } changes[] = {{n->corrected, "corrected: the new place had something else"},
                   {n->added, "added: the new place had nothing"},
                   {n->removed, "removed: the old place has nothing any more"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        snprintf(text, sizeof text, "%s%s", would, changes[i].what);
        print_line(changes[i].n, text);
    }
    print_line(n->kept, "kept: the old place was restarted, and has lost them");
    print_line(n->differing, "could not be settled");
    if (n->unread > 0) printf("  %u servers did not list their keys\n", n->unread);
}

static const char *end_name(enum verify_end end)
{
    static const char *const names[] = {"whole", "differs", "stopped"};
    return names[end];
}

void verify_put_json(struct json *j, const struct verify_counts *n, enum verify_end end)
{
    json_text(j, "end", end_name(end));
    json_number(j, "listed", n->listed);
    json_number(j, "compared", n->moves);
    json_number(j, "equal", n->equal);
    json_number(j, "gone", n->gone);
    json_number(j, "corrected", n->corrected);
    json_number(j, "added", n->added);
    json_number(j, "removed", n->removed);
    json_number(j, "kept", n->kept);
    json_number(j, "differing", n->differing);
    json_number(j, "unread_servers", n->unread);
    json_number(j, "rounds", n->rounds);
    json_fraction(j, "seconds", n->seconds);
}
