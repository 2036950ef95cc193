/* Every command, with each of its meta flags alone and the usual pairs, through every policy: a client gets an answer that one of
 * the places would give it directly, or the one that the policy is there to give. What is counted or timed (cas, t, l, h) may
 * differ; places_test.c says which cas it may be. */
#include "lib/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const forms[] = {
    "get %\r\n",
    "gets %\r\n",
    "get % none\r\n",
    "gat 60 %\r\n",
    "gats 60 %\r\n",
    "set % 5 0 1\r\n7\r\n",
    "set % 5 -1 1\r\n7\r\n",
    "set % 5 0 1 noreply\r\n7\r\n",
    "add % 5 60 1\r\n7\r\n",
    "replace % 5 60 1\r\n7\r\n",
    "append % 5 60 1\r\n7\r\n",
    "prepend % 5 60 1\r\n7\r\n",
    "cas % 5 60 1 0\r\n7\r\n",
    "cas % 5 60 1 9223372036854775807\r\n7\r\n",
    "delete %\r\n",
    "delete % noreply\r\n",
    "incr % 1\r\n",
    "decr % 1\r\n",
    "touch % 60\r\n",
    "mg %\r\n",
    "mg $ b\r\n",
    "mg % c\r\n",
    "mg % f\r\n",
    "mg % h\r\n",
    "mg % k\r\n",
    "mg % l\r\n",
    "mg % Oabc\r\n",
    "mg % q\r\n",
    "mg % s\r\n",
    "mg % t\r\n",
    "mg % v\r\n",
    "mg % C1\r\n",
    "mg % E5\r\n",
    "mg % N30\r\n",
    "mg % R30\r\n",
    "mg % T60\r\n",
    "mg % v f\r\n",
    "mg % v c\r\n",
    "mg % v t\r\n",
    "mg % v q\r\n",
    "mg % v N30\r\n",
    "mg % v N30 c\r\n",
    "mg % v N30 R30 t\r\n",
    "mg % v T60\r\n",
    "mg % v R30 c\r\n",
    "mg % v C1\r\n",
    "mg % v f k O1 q s\r\n",
    "mg $ b k v f c t s h l O1\r\n",
    "ms % 1\r\n7\r\n",
    "ms $ 1 b k\r\n7\r\n",
    "ms % 1 c\r\n7\r\n",
    "ms % 1 C1\r\n7\r\n",
    "ms % 1 C9223372036854775807 c\r\n7\r\n",
    "ms % 1 E9\r\n7\r\n",
    "ms % 1 F5\r\n7\r\n",
    "ms % 1 I\r\n7\r\n",
    "ms % 1 I C9223372036854775807\r\n7\r\n",
    "ms % 1 k O1\r\n7\r\n",
    "ms % 1 q\r\n7\r\n",
    "ms % 1 T60\r\n7\r\n",
    "ms % 1 MS\r\n7\r\n",
    "ms % 1 ME\r\n7\r\n",
    "ms % 1 MR T60 F5\r\n7\r\n",
    "ms % 1 MA\r\n7\r\n",
    "ms % 1 MP q\r\n7\r\n",
    "ms % 1 MA N30\r\n7\r\n",
    "md %\r\n",
    "md $ b k\r\n",
    "md % C9223372036854775807\r\n",
    "md % I\r\n",
    "md % I T60\r\n",
    "md % k O1\r\n",
    "md % q\r\n",
    "md % T60\r\n",
    "md % I C9223372036854775807 q\r\n",
    "ma %\r\n",
    "ma % v\r\n",
    "ma $ b k v\r\n",
    "ma % c\r\n",
    "ma % C9223372036854775807 v\r\n",
    "ma % D5 v\r\n",
    "ma % MD v\r\n",
    "ma % MI D2 v\r\n",
    "ma % N30 v\r\n",
    "ma % N30 J5 v\r\n",
    "ma % q\r\n",
    "ma % T60 t v\r\n",
    "ma % v k O1 c t\r\n",
    "me none\r\n",
};
enum { FORMS = sizeof forms / sizeof *forms, STATES = 4 };

static const char *const states[STATES] = {"", "a", "b", "ab"};

/* What the places say directly, by form, state and place. */
static const char *direct[FORMS][STATES][2];

/* A word of an answer, with ? for what is counted or timed. Without b: a server says it where an item's key was stored as base64,
 * moongate where it shows another key than was sent. */
static const char *normal_word(const char *word, int n, int at, bool is_value)
{
    bool is_counted = is_value ? at == 4 : at > 0 && strchr("ctlh", *word) != NULL;
    if (n == 1 && *word == 'b') return "";
    bool is_number = n > 1 && strspn(word + 1, "-0123456789") == (size_t)n - 1;
    if (is_value && is_counted) return "?";
    return is_counted && is_number ? textf("%c?", *word) : textf("%.*s", n, word);
}

static const char *normal_line(const char *line, int n)
{
    const char *text = "", *end = line + n;
    bool is_value = strncmp(line, "VALUE ", 6) == 0;
    for (int at = 0; line < end; at++) {
        int len = 0;
        while (line + len < end && line[len] != ' ') len++;
        const char *word = normal_word(line, len, at, is_value);
        if (*word) text = textf("%s%s ", text, word);
        line += len + 1;
    }
    return text;
}

static const char *normal(const struct places *p, const char *answer)
{
    const char *text = "";
    answer = places_without_key(p, answer);
    for (int n; *answer; answer += n + 1) {
        n = (int)strcspn(answer, "|");
        text = textf("%s%s|", text, normal_line(answer, n));
    }
    return text;
}

static void ask_places(struct places *p)
{
    for (int form = 0; form < FORMS; form++) {
        for (int state = 0; state < STATES; state++) {
            places_cell(p, states[state]);
            for (int place = 0; place < 2; place++) {
                const char *answer = places_ask(p->of[place], places_request(p, forms[form], 0));
                direct[form][state][place] = normal(p, answer);
            }
        }
    }
}

/* Where no place answers there is a miss, or an error; where a place is at its limit, a cas to compare is, too. */
static bool is_policy_s_own(const struct places *p, int form, const char *answer)
{
    bool is_error = strncmp(answer, "SERVER_ERROR ", 13) == 0;
    bool compares = strncmp(forms[form], "cas", 3) == 0 || strstr(forms[form], " C");
    switch (p->row->tells) {
    case BLIND: return strncmp(answer, "VALUE", 5) != 0 && strncmp(answer, "VA", 2) != 0;
    case REFUSES: return is_error || strcmp(answer, "") == 0;
    case IS_OVER: return is_error && compares;
    default: return false;
    }
}

static void asks_one(struct places *p, int form, int state)
{
    places_cell(p, states[state]);
    const char *request = places_request(p, forms[form], 0);
    const char *answer = normal(p, places_ask(p->by, request));
    const char *const *says = direct[form][state];
    if (strcmp(answer, says[0]) == 0 || strcmp(answer, says[1]) == 0) return;
    if (is_policy_s_own(p, form, answer)) return;
    places_fail(p, request, answer, textf("a says %s, b says %s", says[0], says[1]));
}

/* A policy may leave a placeholder for a key that was missed. */
static void forgets_none(struct places *p)
{
    for (int place = 0; place < 2; place++) (void)places_ask(p->of[place], "delete none\r\n");
}

static void a_policy_answers_as_one_of_its_places(void **state)
{
    struct places *p = places_open();
    ask_places(p);
    for (size_t row = 0; row < policy_rows_n; row++) {
        if (!places_take(&policy_rows[row])) continue;
        places_have(p, &policy_rows[row], 0);
        for (int form = 0; form < FORMS; form++) {
            for (int in = 0; in < STATES; in++) asks_one(p, form, in);
        }
        forgets_none(p);
    }
    places_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_policy_answers_as_one_of_its_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
