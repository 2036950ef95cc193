/* channel: messages and descriptors between two processes, here both ends in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/labels.h"
#include "net/newcomer.h"
#include "net/who.h"
#include "worker/channel.h"
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_descriptors(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder)) n++;
    closedir(folder);
    return n;
}

static void messages_arrive_in_order_with_their_number(void **state)
{
    int ends[2], fd;
    struct channel_message m;
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_AGAIN);
    assert_int_equal(channel_send(ends[0], CHANNEL_SWITCH, 7, -1), CHANNEL_OK);
    assert_int_equal(channel_send(ends[0], CHANNEL_DRAIN, 4000000000u, -1), CHANNEL_OK);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
    assert_int_equal(m.type, CHANNEL_SWITCH);
    assert_int_equal(m.number, 7);
    assert_string_equal(m.text, "");
    assert_int_equal(fd, -1);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
    assert_int_equal(m.type, CHANNEL_DRAIN);
    assert_true(m.number == 4000000000u);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_AGAIN);
    close(ends[0]);
    close(ends[1]);
}

/* As the master finds the channel of a worker that was killed while orders were on their way to it. */
static void what_was_sent_arrives_though_the_sender_has_gone_and_has_read_nothing(void **state)
{
    int ends[2], fd, before = open_descriptors();
    struct channel_message m;
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(channel_send(ends[0], CHANNEL_DRAIN, 0, -1), CHANNEL_OK);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(channel_send(ends[1], CHANNEL_GIVEN, i, STDERR_FILENO), CHANNEL_OK);
    close(ends[1]);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(channel_receive(ends[0], &m, &fd), CHANNEL_OK);
        assert_int_equal(m.type, CHANNEL_GIVEN);
        assert_int_equal(m.number, i);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(channel_receive(ends[0], &m, &fd), CHANNEL_CLOSED);
    close(ends[0]);
    assert_int_equal(open_descriptors(), before);
}

static void a_text_comes_along_and_a_long_one_is_cut(void **state)
{
    int ends[2], fd;
    char text[2 * CHANNEL_TEXT_MAX];
    struct channel_message m;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(channel_create(ends), 0);
    for (size_t len = sizeof text - 1;; len = len * 2 / 3) {
        text[len] = '\0';
        size_t kept = len < CHANNEL_TEXT_MAX ? len : CHANNEL_TEXT_MAX - 1;
        assert_int_equal(channel_send_text(ends[1], CHANNEL_KEPT, 9, text), CHANNEL_OK);
        assert_int_equal(channel_receive(ends[0], &m, &fd), CHANNEL_OK);
        assert_int_equal(m.type, CHANNEL_KEPT);
        assert_int_equal(m.number, 9);
        assert_int_equal(strlen(m.text), kept);
        assert_memory_equal(m.text, text, kept);
        if (len == 0) break;
    }
    close(ends[0]);
    close(ends[1]);
}

static void a_descriptor_comes_along_and_works(void **state)
{
    int ends[2], pair[2], fd;
    char byte = 0;
    struct channel_message m;
    int before = open_descriptors();
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(channel_send(ends[0], CHANNEL_CLIENT, 0, pair[1]), CHANNEL_OK);
    close(pair[1]);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
    assert_int_equal(m.type, CHANNEL_CLIENT);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(fd);
    close(pair[0]);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(open_descriptors(), before);
}

static void a_descriptor_without_room_for_it_is_minus_one(void **state)
{
    int ends[2], fd;
    struct channel_message m;
    struct rlimit had;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(channel_send(ends[0], CHANNEL_CLIENT, 0, STDIN_FILENO), CHANNEL_OK);
    struct rlimit full = {.rlim_cur = 0, .rlim_max = had.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    enum channel_status status = channel_receive(ends[1], &m, &fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_int_equal(status, CHANNEL_OK);
    assert_int_equal(m.type, CHANNEL_CLIENT);
    assert_int_equal(fd, -1);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_channel_says_again_and_has_room_later(void **state)
{
    int ends[2], fd, sent = 0;
    struct channel_message m;
    assert_int_equal(channel_create(ends), 0);
    while (channel_send(ends[0], CHANNEL_CLIENT, (uint32_t)sent, -1) == CHANNEL_OK)
        assert_true(++sent < 1000000);
    assert_true(sent > 16);
    assert_int_equal(channel_send(ends[0], CHANNEL_CLIENT, 0, -1), CHANNEL_AGAIN);
    for (int i = 0; i < sent; i++) {
        assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
        assert_int_equal(m.number, i);
    }
    assert_int_equal(channel_send(ends[0], CHANNEL_CLIENT, 0, -1), CHANNEL_OK);
    close(ends[0]);
    close(ends[1]);
}

static void a_closed_end_is_seen_after_what_it_sent(void **state)
{
    int ends[2], fd;
    struct channel_message m;
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(channel_send(ends[1], CHANNEL_READY, 1, -1), CHANNEL_OK);
    close(ends[1]);
    assert_int_equal(channel_receive(ends[0], &m, &fd), CHANNEL_OK);
    assert_int_equal(channel_receive(ends[0], &m, &fd), CHANNEL_CLOSED);
    assert_int_equal(channel_send(ends[0], CHANNEL_DRAIN, 0, -1), CHANNEL_CLOSED);
    close(ends[0]);
}

/* Two descriptors, or a message of an unknown kind: nothing stays open behind our back. */
/* A client with the longest texts there are, and one with none. */
static void a_client_comes_with_what_is_known_of_it(void **state)
{
    char label[LABEL_MAX], words[RULES_TEXT_MAX], who[WHO_TEXT_MAX];
    struct rules rules = {.references = 1, .text = words};
    struct channel_message m;
    int ends[2], fd;
    memset(label, 'l', sizeof label);
    memset(words, 'r', sizeof words);
    memset(who, 'w', sizeof who);
    label[sizeof label - 1] = words[sizeof words - 1] = who[sizeof who - 1] = '\0';
    const struct newcomer known = {.fd = -1, .listener = 7, .rules = &rules, .who = who};
    const struct newcomer stranger = {.fd = -1, .listener = 8};
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(channel_send_client(ends[0], CHANNEL_CLIENT, &known, label), CHANNEL_OK);
    assert_int_equal(channel_send_client(ends[0], CHANNEL_CLIENT, &stranger, ""), CHANNEL_OK);
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
    assert_int_equal(m.number, 7);
    assert_string_equal(m.text, label); /* all that an earlier version reads */
    assert_string_equal(channel_text(&m, CLIENT_LABEL), label);
    assert_string_equal(channel_text(&m, CLIENT_RULES), words);
    assert_string_equal(channel_text(&m, CLIENT_WHO), who);
    assert_null(channel_text(&m, CLIENT_TEXTS));
    assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
    for (uint32_t i = 0; i < CLIENT_TEXTS; i++) assert_string_equal(channel_text(&m, i), "");
    close(ends[0]);
    close(ends[1]);
}

static void an_earlier_version_sends_the_label_alone(void **state)
{
    struct channel_message m;
    int ends[2], fd;
    assert_int_equal(channel_create(ends), 0);
    assert_int_equal(channel_send_text(ends[0], CHANNEL_CLIENT, 3, "a=127.0.0.1:1"), CHANNEL_OK);
    assert_int_equal(channel_send(ends[0], CHANNEL_CLIENT, 3, -1), CHANNEL_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(channel_receive(ends[1], &m, &fd), CHANNEL_OK);
        assert_string_equal(channel_text(&m, CLIENT_LABEL), i == 0 ? "a=127.0.0.1:1" : "");
        assert_null(channel_text(&m, CLIENT_RULES));
        assert_null(channel_text(&m, CLIENT_WHO));
    }
    close(ends[0]);
    close(ends[1]);
}

static void what_nobody_expects_is_closed(void **state)
{
    int ends[2], fd;
    struct channel_message m = {.type = CHANNEL_CLIENT};
    const size_t head = offsetof(struct channel_message, text);
    const size_t sizes[] = {sizeof m, head, head - 1, 1};
    int before = open_descriptors();
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        const size_t bytes = sizes[at];
        union {
            struct cmsghdr header;
            char bytes[CMSG_SPACE(4 * sizeof(int))];
        } control = {0};
        int four[4] = {0, 0, 0, 0};
        struct iovec part = {&m, bytes};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof four);
        for (size_t i = 0; i < sizeof four; i++) CMSG_DATA(rights)[i] = ((unsigned char *)four)[i];
        assert_int_equal(channel_create(ends), 0);
        assert_int_equal(sendmsg(ends[0], &message, 0), bytes);
        assert_int_equal(channel_receive(ends[1], &m, &fd),
                         bytes == head ? CHANNEL_OK : CHANNEL_CLOSED);
        assert_int_equal(fd, -1);
        close(ends[0]);
        close(ends[1]);
        assert_int_equal(open_descriptors(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_in_order_with_their_number),
        cmocka_unit_test(what_was_sent_arrives_though_the_sender_has_gone_and_has_read_nothing),
        cmocka_unit_test(a_text_comes_along_and_a_long_one_is_cut),
        cmocka_unit_test(a_descriptor_comes_along_and_works),
        cmocka_unit_test(a_descriptor_without_room_for_it_is_minus_one),
        cmocka_unit_test(a_full_channel_says_again_and_has_room_later),
        cmocka_unit_test(a_closed_end_is_seen_after_what_it_sent),
        cmocka_unit_test(a_client_comes_with_what_is_known_of_it),
        cmocka_unit_test(an_earlier_version_sends_the_label_alone),
        cmocka_unit_test(what_nobody_expects_is_closed),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
