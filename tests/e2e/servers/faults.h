/* faults: the rows of a list of what has gone wrong in memcache proxies before, as inputs of clients and as answers of servers; and
 * the inputs whose answers by memcached surprise.
 *
 * Constant tables, for faults_test alone.
 */
#ifndef TESTS_E2E_FAULTS_H
#define TESTS_E2E_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define IN(text)     text, sizeof(text) - 1
#define FORMAT       "CLIENT_ERROR bad command line format\r\n"
#define DECODING     "CLIENT_ERROR error decoding key\r\n"

enum { ROWS = 20 };

/* clang-format off */

/* --- what clients send ----------------------------------------------------------------------- */

/* The expected answer: memcached's; or this text, for a reason that the README gives. */
enum fate { AS_MEMCACHED, ANSWERED, CLOSED };

/* `<250*k>` is a k 250 times. `k` holds 10, `text` holds word, `n` holds 10; `a` and `b` are not there. */
static const struct input {
    unsigned row; /* of the list of faults; 0: an odd input */
    const char *bytes;
    size_t n;
    enum fate fate;
    const char *answer; /* "" with AS_MEMCACHED */
} inputs[] = {
    /* 1: many spaces before keys */
    {1, IN("get<200* >k text\r\n")},
    {1, IN("get<1000* >k<900* >text\r\n")},
    {1, IN("get<2000* >k text\r\n")},
    {1, IN("gets<2000* >a b\r\n")},
    {1, IN("gat 0<1500* >k text\r\n")},
    {1, IN("delete<1500* >a\r\n")},
    {1, IN("mg<1500* >k v\r\n")},
    {1, IN("incr<1000* >n<900* >1\r\n")},
    {1, IN("set<1500* >a 0 0 1\r\nx\r\n")},
    /* 2: every command; the line ends are made others below */
    {2, IN("set a 7 0 3\r\nabc\r\nget a\r\nadd a 0 0 1\r\nx\r\nreplace a 0 0 2\r\nxy\r\n")},
    {2, IN("append text 0 0 1\r\ns\r\nprepend text 0 0 1\r\ns\r\nget text\r\n")},
    {2, IN("cas k 0 0 1 999999999\r\nx\r\ncas a 0 0 1 1\r\nx\r\n")},
    {2, IN("gat 0 k a text\r\ntouch k 0\r\ntouch a 0\r\nincr n 5\r\ndecr n 1\r\ndelete n\r\n")},
    {2, IN("mg k v f k O1\r\nms a 2 F3\r\nhi\r\nmd a q\r\nma n D7 v\r\nmn\r\nversion\r\n")},
    {2, IN("set a 0 0 4\r\n\r\n\r\n\r\nget a\r\nset b 0 0 1\r\n\n\r\nget b\r\n")},
    {2, IN("set a 0 0 3\r\nabc\n\r\n")},
    {2, IN("set a 0 0 3\r\nabc\r\r\n")},
    {2, IN("get k\r\r\n"), ANSWERED, FORMAT}, /* a control byte in a key */
    /* 3: too few tokens */
    {3, IN("get\r\nget   \r\ngets\r\ngets   \r\n")},
    {3, IN("gat\r\ngat   \r\ngat 0\r\ngat 0   \r\ngats\r\ngats 0   \r\n")},
    {3, IN("incr\r\nincr   \r\nincr n\r\nincr n   \r\ndecr\r\ndecr n\r\n")},
    {3, IN("touch\r\ntouch   \r\ntouch k\r\ntouch k   \r\ndelete\r\ndelete   \r\n")},
    {3, IN("set\r\nset   \r\nset a\r\nset a   \r\nset a 0\r\nset a 0 0\r\nset a 0 0   \r\n")},
    {3, IN("add a 0\r\nreplace   \r\nappend a\r\nprepend\r\ncas a 0 0 1\r\ncas a 0 0\r\n")},
    {3, IN("mg\r\nmg   \r\nms\r\nms   \r\nms a\r\nms a   \r\nmd\r\nmd   \r\nma\r\nma   \r\n")},
    {3, IN("me\r\nme   \r\nmn   \r\nverbosity\r\nverbosity   \r\n")},
    /* 4: spaces and nothing else */
    {4, IN(" \r\n<100* >\r\n<101* >\r\n<1000* >\r\n<2000* >\r\n")},
    {4, IN("\t\r\n\t \t\r\n \t k\r\n")},
    {4, IN("<3000* >"), CLOSED, ""},
    {4, IN("<70000* >"), CLOSED, ""},
    {4, IN("<200* >get<3000* >"), CLOSED, ""},
    /* 5: lengths that are not numbers, or too large */
    {5, IN("set a 0 0 -1\r\nversion\r\n")},
    {5, IN("set a 0 0 -0\r\n\r\nget a\r\n")},
    {5, IN("set a 0 0 +1\r\nx\r\nget a\r\n")},
    {5, IN("set a 0 0 007\r\n1234567\r\nget a\r\n")},
    {5, IN("set a 0 0 1e3\r\nversion\r\n")},
    {5, IN("set a 0 0 0x4\r\nversion\r\n")},
    {5, IN("set a 0 0 abc\r\nabc\r\n")},
    {5, IN("set a 0 0 2147483647\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 2147483648\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 4294967295\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 4294967296\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 4294967297\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 99999999999\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 12345678901234567890\r\n"), CLOSED, FORMAT},
    {5, IN("set a 0 0 18446744073709551616\r\n"), CLOSED, FORMAT},
    {5, IN("cas a 0 0 4294967297 1\r\n"), CLOSED, FORMAT},
    {5, IN("ms a -1\r\nversion\r\n")},
    {5, IN("ms a -0\r\n\r\nmg a v\r\n")},
    {5, IN("ms a +1\r\nx\r\nmg a v\r\n")},
    {5, IN("ms a 007\r\n1234567\r\nmg a v\r\n")},
    {5, IN("ms a 1e3\r\nversion\r\n")},
    {5, IN("ms a 2147483647\r\n"), CLOSED, FORMAT},
    {5, IN("ms a 4294967297\r\n"), CLOSED, FORMAT},
    {5, IN("ms a 99999999999\r\n"), CLOSED, FORMAT},
    {5, IN("ms a 18446744073709551616\r\n"), CLOSED, FORMAT},
    {5, IN("set k x 0 9\r\nversion\r\n\r\n"), ANSWERED, FORMAT}, /* its value is swallowed */
    {5, IN("set a 0 0 2000000\r\n<2000000*x>\r\nget a\r\n")},
    {5, IN("ms a 2000000\r\n<2000000*x>\r\nmg a v\r\n")},
    /* 7: nothing as a value */
    {7, IN("set a 3 0 0\r\n\r\nget a\r\ngat 0 a\r\nappend a 0 0 0\r\n\r\nget a b k\r\n")},
    {7, IN("ms a 0\r\n\r\nmg a v k\r\nms a 0 MA\r\n\r\nprepend a 0 0 1\r\nx\r\nmg a v\r\n")},
    {7, IN("set a 0 0 0 noreply\r\n\r\nget a\r\nset a 0 0 0\r\nx\r\n")},
    /* 8: keys around the limit, and what elsewhere is a hash tag */
    {8, IN("set <249*k> 0 0 1\r\na\r\nget <249*k>\r\nset <250*k> 0 0 1\r\nb\r\nget <250*k> <249*k>\r\n")},
    {8, IN("mg <250*k> v k\r\nmd <250*k>\r\ntouch <250*k> 0\r\nincr <250*k> 1\r\n")},
    {8, IN("get <251*k>\r\n")},
    {8, IN("get a <251*k>\r\n")},
    {8, IN("delete <251*k>\r\ntouch <251*k> 0\r\nincr <251*k> 1\r\nmg <251*k> v\r\n")},
    {8, IN("set <251*k> 0 0 7\r\nversion\r\n"), ANSWERED, FORMAT}, /* swallowed likewise */
    {8, IN("set {} 0 0 1\r\na\r\nset { 0 0 1\r\nb\r\nset }{ 0 0 1\r\nc\r\nget {} { }{ $$ {}x\r\n")},
    {8, IN("set $$ 0 0 1\r\nd\r\nset a{} 0 0 1\r\ne\r\nget a{} $$ {a}\r\ndelete $$\r\ndelete a{}\r\n")},
    /* 9: data that is not what its line says */
    {9, IN("set a 0 0 5\r\nabcdeXX\r\nget a\r\n")},
    {9, IN("set a 0 0 5\r\nabc\r\nget a\r\n")},
    {9, IN("set a 0 0 5\r\nabcdefghijklmnopqrstuvw\r\nget a\r\n")},
    {9, IN("set a 0 0 0\r\nxx\r\nget a\r\n")},
    {9, IN("ms a 5\r\nabcdeXX\r\nmg a v\r\n")},
    {9, IN("ms a 5\r\nabc\r\nmn\r\n")},
    /* 15: what a client writes it reads, in one packet */
    {15, IN("set a 0 0 1\r\n1\r\nget a\r\nincr a 1\r\nget a\r\ndelete a\r\nget a\r\nset a 0 0 1\r\n5\r\n"
            "append a 0 0 1\r\n0\r\nmg a v\r\nma a D2\r\nget a b a\r\n")},
    /* 17: noreply stays silent */
    {17, IN("set a 0 0 2000000 noreply\r\n<2000000*x>\r\nversion\r\n")},
    {17, IN("set a 0 0 3 noreply\r\nabcdef\r\nversion\r\n")}, /* memcached's stray ERROR, too */
    {17, IN("flush_all 100000 noreply\r\nversion\r\n")},
    {17, IN("incr text 1 noreply\r\ndelete a noreply\r\ntouch a 0 noreply\r\nversion\r\n")},
    {17, IN("add k 0 0 1 noreply\r\nx\r\ncas k 0 0 1 1 noreply\r\nx\r\nversion\r\n")},
    {17, IN("set a 0 0 x noreply\r\ndelete k 10 noreply\r\nincr n x noreply\r\nversion\r\n")},
    /* 18: quiet commands, in order with the loud ones */
    {18, IN("mg a v q\r\nmg k v q k\r\nms b 1 q\r\nx\r\nmd a q\r\nma n q\r\nma a q\r\nmn\r\n")},
    {18, IN("mg zz v q\r\nmn\r\n")},
    {18, IN("mg k s v q O1\r\nget k\r\nmg a q k\r\nms text 1 ME q\r\nx\r\nms k 1 MR q O9\r\nx\r\nmn\r\n")},
    {18, IN("mg a v v q\r\nms a x q\r\nms a 1 q\r\nabc\r\nmn\r\n")},
    /* 19: bytes that keys have, and those that they have not */
    {19, IN("get a\0b\r\n"), ANSWERED, FORMAT},
    {19, IN("get k\0\r\n"), ANSWERED, FORMAT},
    {19, IN("get a k\x01\r\n")},
    {19, IN("delete k\x7f\r\n")},
    {19, IN("mg k\x1f v\r\n")},
    {19, IN("mg k v\x01\r\n"), ANSWERED, FORMAT},
    {19, IN("set a\t\x7f 3 0 2\r\n10\r\nget a\t\x7f k\r\nincr a\t\x7f 5\r\nmg a\t\x7f v k f\r\ndelete a\t\x7f\r\n")},
    {19, IN("get a\rb\r\n"), ANSWERED, FORMAT},
    {19, IN("incr n\t1\r\n")},
    {19, IN("set a\0b 0 0 7\r\nversion\r\n"), ANSWERED, FORMAT},
    {19, IN("ms a\x01 7\r\nversion\r\n")},
    {19, IN("set \x80\xff\xc3\xa4 0 0 1\r\nx\r\nget \x80\xff\xc3\xa4 \xe2\x82\xac\r\ndelete \x80\xff\xc3\xa4\r\n")},
    {19, IN("mg DQo= b v k\r\n")},              /* CR LF */
    {19, IN("mg a2V5DQpmbHVzaF9hbGwNCg== b v\r\n")}, /* key CR LF flush_all CR LF */
    {19, IN("ms IA== 1 b\r\nx\r\nmg IA== b v k\r\nmd IA== b\r\n")}, /* a space */
    {19, IN("mg Z b v\r\n"), ANSWERED, DECODING},
    /* setq of a key that is CR LF, then noop and quit */
    {19, IN("\x80\x11\0\x02\x08\0\0\0\0\0\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\nx\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\x80\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    /* what else memcached answers in a way of its own */
    {0, IN("\r\n")},
    {0, IN("\n\n\r\n")},
    {0, IN("foo\r\nfoo bar\r\nFOO\r\nGet k\r\nGET k\r\n")},
    {0, IN("set a 0 0 3\r\nabc\nget a\r\n")},
    {0, IN("set a 0 0 1 junk\r\nx\r\nget a\r\n")},
    {0, IN("set a 4294967296 0 1\r\nx\r\nget a\r\n")},
    {0, IN("set a 0 0 20\r\n18446744073709551615\r\nincr a 2\r\ndecr a 5\r\nget a\r\n")},
    {0, IN("incr text 1\r\nincr n -1\r\nincr n 1.5\r\nincr n 18446744073709551616\r\n")},
    {0, IN("delete k 10\r\ndelete k x\r\ndelete a 0\r\ndelete n 0\r\ndelete k 0 0\r\n")},
    {0, IN("mg k v v\r\n")},
    {0, IN("ma zz\r\nma text\r\nma n N0 J5 v\r\n")},
    {0, IN("get k\r\nquit\r\nget text\r\n")},
    {0, IN("version\r\nversion   \r\nverbosity 1\r\nverbosity 1 noreply\r\n")},
    {0, IN("shutdown\r\nstats detail on\r\nstats detail off\r\nstats detail\r\nstats detail x\r\n")},
    {0, IN("<2049*a>"), CLOSED, ""},
    {0, IN("set <3000*a>"), CLOSED, ""},
    {0, IN("GET / HTTP/1.1\r\nHost: moongate\r\n\r\n")},
    {0, IN("POST /k HTTP/1.1\r\nContent-Length: 20\r\n\r\nset k 0 0 1\r\nx\r\n")},
    /* how clients write */
    {0, IN("get k \r\nget k text \r\nset a 16 0 1 \r\nx\r\ndelete a \r\n")},
    {0, IN("flush_all 100000\r\nflush_all 100000 \r\nflush_all 100000 noreply\r\nflush_all x\r\n")},
    {0, IN("config get cluster\r\n")},
    {0, IN("touch k 0\r\ngets a\r\nset a 0 60 1\r\nx\r\n")},
};

/* --- what servers answer --------------------------------------------------------------------- */

/* The client sees this, and then the server's connection stays or is closed. NULL: an error. */
static const struct answer {
    unsigned row;
    const char *asked, *answered, *seen;
    bool closes;
} answers[] = {
    /* 6: lengths that are not numbers, or too large */
    {6, "get k1\r\n", "VALUE k1 0 2000000000\r\nabc", NULL, true},
    {6, "get k1\r\n", "VALUE k1 0 4294967293\r\nabc", NULL, true},
    {6, "get k1\r\n", "VALUE k1 0 -1\r\nabc\r\nEND\r\n", NULL, true},
    {6, "get k1\r\n", "VALUE k1 0\r\nabc\r\nEND\r\n", NULL, true},
    {6, "get k1\r\n", "VALUE k1 0 999999999999999999999999999999\r\nabc", NULL, true},
    {6, "mg k1 v\r\n", "VA 2000000000\r\nabc", NULL, true},
    {6, "mg k1 v\r\n", "VA 4294967293\r\nabc", NULL, true},
    {6, "mg k1 v\r\n", "VA -1\r\nabc\r\n", NULL, true},
    {6, "mg k1 v\r\n", "VA \r\nabc\r\n", NULL, true},
    {6, "mg k1 v\r\n", "VA 999999999999999999999999999999\r\nabc", NULL, true},
    /* 7: nothing as a value */
    {7, "get k1\r\n", "VALUE k1 0 0\r\n\r\nEND\r\n", "VALUE k1 0 0\r\n\r\nEND\r\n", false},
    {7, "mg k1 v k\r\n", "VA 0 kk1\r\n\r\n", "VA 0 kk1\r\n\r\n", false},
    {7, "get k1\r\n", "VALUE k1 0 0\r\nEND\r\n", NULL, true},
    /* 14: more than was asked for */
    {14, "get k1\r\n", "VALUE k1 0 1\r\nx\r\nEND\r\ngarbage\r\n", "VALUE k1 0 1\r\nx\r\nEND\r\n", true},
    {14, "mg k1\r\n", "HD\r\nHD\r\n", "HD\r\n", true},
    {14, "set k1 0 0 1\r\nx\r\n", "STORED\r\nERROR\r\n", "STORED\r\n", true},
    {14, "", "END\r\n", "", true},
    /* 16: the answer to something else */
    {16, "get k1\r\n", "VALUE k2 0 1\r\nx\r\nEND\r\n", NULL, true},
    {16, "mg k1 v k O7\r\n", "VA 1 kk2 O7\r\nx\r\n", NULL, true},
    {16, "mg k1 v k O7\r\n", "VA 1 kk1 O8\r\nx\r\n", NULL, true},
    {16, "mg k1 v O7\r\n", "VA 1 O77\r\nx\r\n", NULL, true},
    {16, "md k1 k\r\n", "HD kk11\r\n", NULL, true},
    {16, "ma k1 O1\r\n", "NF O2\r\n", NULL, true},
    {16, "get k1\r\n", "STORED\r\n", NULL, true},
    {16, "set k1 0 0 1\r\nx\r\n", "END\r\n", NULL, true},
    {16, "mg k1 v\r\n", "END\r\n", NULL, true},
};

/* --- what is played elsewhere ---------------------------------------------------------------- */

/* Rows that need a play of their own have it where its like is. */
static const struct elsewhere {
    unsigned row;
    const char *file, *test;
} elsewhere[] = {
    {2, "protocol/splitting", "requests_cut_at_every_byte_mean_the_same"},
    {4, "service/lines", "a_get_may_be_long_but_not_without_end"},
    {6, "servers/anomaly", "impossible_lengths_close"},
    {10, "servers/pools", "a_server_that_reads_slowly_gets_every_byte"},
    {10, "protocol/memcached", "no_value_is_ever_wrong_though_servers_die_hang_and_return"},
    {11, "servers/pools", "half_a_value_and_a_timeout_are_a_whole_error"},
    {12, "servers/pools", "an_answer_after_the_timeout_is_swallowed"},
    {13, "protocol/splitting", "responses_cut_at_every_byte_mean_the_same"},
    {14, "servers/anomaly", "unsolicited_bytes_close_an_idle_connection"},
    {15, "protocol/ordering", "a_client_reads_what_it_wrote_though_there_are_many_connections"},
    {16, "servers/anomaly", "an_answer_of_another_command_closes"},
    {17, "protocol/noreply", "failures_of_noreply_requests_are_silent"},
    {19, "protocol/values", "keys_with_control_bytes_are_client_errors_where_keys_are_strict"},
    {20, "scripts/script", "keys_that_cannot_be_sent_are_script_errors"},
    {20, "scripts/script", "a_reply_text_cannot_forge_lines"},
};

/* clang-format on */

#endif
