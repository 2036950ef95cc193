/* The advice names the option that is wrong, so it depends on what the item says by itself. */
#include "net/refusal.h"

#include <errno.h>
#include <string.h>

/* The owner of a unix socket's file could not be set. */
struct refusal refusal_of_owner(bool has_access)
{
    struct refusal r = {.what = strerror(errno), .advice = "leave out owner= and group="};
    if (!has_access)
        r.advice = "leave out -u or choose another path with -b";
    else if (errno == EPERM)
        r.advice = "start as root or leave out owner= and group=";
    return r;
}

static const char *advice_in_use(const struct addr *addr, bool has_port)
{
    if (addr_is_unix(addr)) return "choose another path with -b or stop what listens there";
    return has_port ? "choose another port with -b or stop what listens there"
                    : "choose another port with -p or stop what listens there";
}

static const char *advice_no_access(const struct addr *addr, bool has_port)
{
    if (addr_is_unix(addr)) return "choose with -b a folder that you may write to";
    return has_port ? "choose a port above 1023 with -b or start as root"
                    : "choose a port above 1023 with -p or start as root";
}

struct refusal refusal_of_errno(const struct addr *addr, bool has_port)
{
    struct refusal r = {.what = strerror(errno), .advice = "choose another address with -b"};
    switch (errno) {
    case EADDRINUSE:
        r.what = "address in use";
        r.advice = advice_in_use(addr, has_port);
        break;
    case EADDRNOTAVAIL:
        r.what = "not an address of this machine";
        r.absent = true;
        break;
    case EAFNOSUPPORT:
        r.what = "this machine does not speak that kind of address";
        r.absent = true;
        break;
    case EACCES:
        r.advice = advice_no_access(addr, has_port);
        r.needs_root = !addr_is_unix(addr);
        break;
    case ENOENT: r.advice = "make the folder first or choose another path with -b"; break;
    case EMFILE: r.advice = "allow the process more open files"; break;
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: r.advice = "try again when the machine has room"; break;
    }
    return r;
}
