/* command: the commands of the memcache text protocol, as one table. Constants for any process; nothing to free. */
#ifndef MOONGATE_PROTOCOL_COMMAND_H
#define MOONGATE_PROTOCOL_COMMAND_H

/* The kinds of response, as bits. src/protocol/response.c has their texts. */
#define RESPONSES(X)                                                                               \
    X(STORED, 0)                                                                                   \
    X(NOT_STORED, 1)                                                                               \
    X(EXISTS, 2)                                                                                   \
    X(NOT_FOUND, 3)                                                                                \
    X(DELETED, 4)                                                                                  \
    X(TOUCHED, 5)                                                                                  \
    X(NUMBER, 6)                                                                                   \
    X(VALUE, 7)                                                                                    \
    X(END, 8)                                                                                      \
    X(VERSION, 9)                                                                                  \
    X(ERROR, 10)                                                                                   \
    X(CLIENT_ERROR, 11)                                                                            \
    X(SERVER_ERROR, 12)                                                                            \
    X(HD, 13)                                                                                      \
    X(EN, 14)                                                                                      \
    X(VA, 15)                                                                                      \
    X(NS, 16)                                                                                      \
    X(EX, 17)                                                                                      \
    X(NF, 18)                                                                                      \
    X(ME, 19)                                                                                      \
    X(STAT, 20)                                                                                    \
    X(OK, 21)                                                                                      \
    X(RESET, 22)

enum response_kind {
#define X(name, bit) RESPONSE_##name = 1 << (bit),
    RESPONSES(X)
#undef X
        RESPONSE_ANY_ERROR = RESPONSE_ERROR | RESPONSE_CLIENT_ERROR | RESPONSE_SERVER_ERROR,
};

/* The shape of a command's line. */
enum command_shape {
    SHAPE_RETRIEVE,   /* [exptime] key+ */
    SHAPE_STORE,      /* key flags exptime bytes [cas] [noreply], then a value */
    SHAPE_DELETE,     /* key [0] [noreply] */
    SHAPE_ARITHMETIC, /* key delta [noreply] */
    SHAPE_TOUCH,      /* key exptime [noreply] */
    SHAPE_META,       /* key flag* */
    SHAPE_META_STORE, /* key length flag*, then a value */
    SHAPE_ADMIN,      /* sent to every backend: any words */
    SHAPE_LOCAL,      /* answered by moongate itself */
};

/* The kinds of response that a command may get besides an error. */
#define STORE_RESPONSES                                                                            \
    (RESPONSE_STORED | RESPONSE_NOT_STORED | RESPONSE_EXISTS | RESPONSE_NOT_FOUND)
#define NUMBER_RESPONSES   (RESPONSE_NUMBER | RESPONSE_NOT_FOUND)
#define RETRIEVE_RESPONSES (RESPONSE_VALUE | RESPONSE_END)
#define META_RESPONSES                                                                             \
    (RESPONSE_HD | RESPONSE_EN | RESPONSE_VA | RESPONSE_NS | RESPONSE_EX | RESPONSE_NF)
#define META_GET_RESPONSES    (RESPONSE_HD | RESPONSE_EN | RESPONSE_VA)
#define META_CHANGE_RESPONSES (RESPONSE_HD | RESPONSE_NS | RESPONSE_EX | RESPONSE_NF)

/* name, text, shape, kinds of response besides an error, the line that a client gets for a miss */
#define COMMANDS(X)                                                                                \
    X(NONE, "", SHAPE_LOCAL, 0, "")                                                                \
    X(GET, "get", SHAPE_RETRIEVE, RETRIEVE_RESPONSES, "END\r\n")                                   \
    X(GETS, "gets", SHAPE_RETRIEVE, RETRIEVE_RESPONSES, "END\r\n")                                 \
    X(GAT, "gat", SHAPE_RETRIEVE, RETRIEVE_RESPONSES, "END\r\n")                                   \
    X(GATS, "gats", SHAPE_RETRIEVE, RETRIEVE_RESPONSES, "END\r\n")                                 \
    X(SET, "set", SHAPE_STORE, STORE_RESPONSES, "NOT_STORED\r\n")                                  \
    X(ADD, "add", SHAPE_STORE, STORE_RESPONSES, "NOT_STORED\r\n")                                  \
    X(REPLACE, "replace", SHAPE_STORE, STORE_RESPONSES, "NOT_STORED\r\n")                          \
    X(APPEND, "append", SHAPE_STORE, STORE_RESPONSES, "NOT_STORED\r\n")                            \
    X(PREPEND, "prepend", SHAPE_STORE, STORE_RESPONSES, "NOT_STORED\r\n")                          \
    X(CAS, "cas", SHAPE_STORE, STORE_RESPONSES, "NOT_FOUND\r\n")                                   \
    X(DELETE, "delete", SHAPE_DELETE, RESPONSE_DELETED | RESPONSE_NOT_FOUND, "NOT_FOUND\r\n")      \
    X(INCR, "incr", SHAPE_ARITHMETIC, NUMBER_RESPONSES, "NOT_FOUND\r\n")                           \
    X(DECR, "decr", SHAPE_ARITHMETIC, NUMBER_RESPONSES, "NOT_FOUND\r\n")                           \
    X(TOUCH, "touch", SHAPE_TOUCH, RESPONSE_TOUCHED | RESPONSE_NOT_FOUND, "NOT_FOUND\r\n")         \
    X(META_GET, "mg", SHAPE_META, META_GET_RESPONSES, "EN\r\n")                                    \
    X(META_SET, "ms", SHAPE_META_STORE, META_CHANGE_RESPONSES, "NS\r\n")                           \
    X(META_DELETE, "md", SHAPE_META, META_CHANGE_RESPONSES, "NF\r\n")                              \
    X(META_ARITHMETIC, "ma", SHAPE_META, META_CHANGE_RESPONSES | RESPONSE_VA, "NF\r\n")            \
    X(META_DEBUG, "me", SHAPE_META, RESPONSE_ME | RESPONSE_EN, "EN\r\n")                           \
    X(META_NOOP, "mn", SHAPE_LOCAL, 0, "")                                                         \
    X(FLUSH_ALL, "flush_all", SHAPE_ADMIN, RESPONSE_OK, "")                                        \
    X(STATS, "stats", SHAPE_ADMIN, RESPONSE_STAT | RESPONSE_END | RESPONSE_RESET | RESPONSE_OK,    \
      "")                                                                                          \
    X(VERSION, "version", SHAPE_LOCAL, RESPONSE_VERSION, "")                                       \
    X(VERBOSITY, "verbosity", SHAPE_LOCAL, 0, "")                                                  \
    X(QUIT, "quit", SHAPE_LOCAL, 0, "")                                                            \
    X(SHUTDOWN, "shutdown", SHAPE_LOCAL, 0, "")                                                    \
    X(CACHE_MEMLIMIT, "cache_memlimit", SHAPE_LOCAL, 0, "")                                        \
    X(SLABS, "slabs", SHAPE_LOCAL, 0, "")                                                          \
    X(LRU, "lru", SHAPE_LOCAL, 0, "")                                                              \
    X(LRU_CRAWLER, "lru_crawler", SHAPE_LOCAL, 0, "")                                              \
    X(WATCH, "watch", SHAPE_LOCAL, 0, "")                                                          \
    X(CONFIG, "config", SHAPE_LOCAL, 0, "")

enum command {
#define X(name, text, shape, responses, miss) COMMAND_##name,
    COMMANDS(X)
#undef X
        COMMAND_COUNT
};

struct command_info {
    const char *text;
    unsigned char text_len;
    unsigned char miss_len;
    unsigned char shape; /* enum command_shape */
    unsigned responses;  /* bits of enum response_kind, errors included */
    const char *miss;    /* what a client gets for a miss, CRLF included */
};

/* What a response says about a key: it was found (a hit), or not (a miss), or the command asks for no such thing. As memcached
 * counts them: a cas that found another version is neither. */
enum command_outcome { OUTCOME_OTHER, OUTCOME_HIT, OUTCOME_MISS };

/* Bits of the commands that hit or miss. */
#define COMMANDS_THAT_FIND                                                                         \
    (1ull << COMMAND_GET | 1ull << COMMAND_GETS | 1ull << COMMAND_GAT | 1ull << COMMAND_GATS |     \
     1ull << COMMAND_CAS | 1ull << COMMAND_DELETE | 1ull << COMMAND_INCR | 1ull << COMMAND_DECR |  \
     1ull << COMMAND_TOUCH | 1ull << COMMAND_META_GET | 1ull << COMMAND_META_DELETE |              \
     1ull << COMMAND_META_ARITHMETIC)

static inline enum command_outcome command_outcome(unsigned command, enum response_kind kind)
{
    if (!(COMMANDS_THAT_FIND >> command & 1)) return OUTCOME_OTHER;
    if (kind & (RESPONSE_ANY_ERROR | RESPONSE_EXISTS)) return OUTCOME_OTHER;
    return kind & (RESPONSE_NOT_FOUND | RESPONSE_END | RESPONSE_NF | RESPONSE_EN) ? OUTCOME_MISS
                                                                                  : OUTCOME_HIT;
}

extern const struct command_info command_table[COMMAND_COUNT];

static inline const struct command_info *command_info(unsigned command)
{
    return &command_table[command];
}

#endif
