#include "tools/recording_print.h"

#include <string.h>

#include "base/json.h"
#include "base/live.h"

void recording_print_json(const struct recording *r, const struct take *t, FILE *out)
{
    struct json j;
    char time[LIVE_TIME];
    live_print_time((double)t->at_us * 1e-6, time);
    json_begin(&j, out);
    json_text(&j, "time", time);
    json_number(&j, "at_us", t->at_us);
    json_number(&j, "worker", t->worker);
    json_number(&j, "client", t->client);
    json_text(&j, "command", recording_command(r));
    json_bytes(&j, "key", t->key, t->key_len);
    json_text(&j, "result", recording_result(r));
    json_number(&j, "us", t->us);
    json_number(&j, "bytes", t->bytes);
    if (t->parts > 1) json_number(&j, "part", t->part);
    if (t->parts > 1) json_number(&j, "parts", t->parts);
    if (t->args_len) json_bytes(&j, "args", t->args, t->args_len);
    if (t->base64) json_flag(&j, "base64", true);
    if (t->noreply) json_flag(&j, "noreply", true);
    if (t->exptime) json_integer(&j, "exptime", t->exptime);
    if (t->client_flags) json_number(&j, "client_flags", t->client_flags);
    if (t->number) json_number(&j, "number", t->number);
    if (t->value_len) json_number(&j, "value_len", t->value_len);
    if (t->value) json_bytes(&j, "value", t->value, t->value_len);
    if (t->cut) json_flag(&j, "cut", true);
    if (t->error_len) json_bytes(&j, "error", t->error, t->error_len);
    if (t->listener_len) json_bytes(&j, "listener", t->listener, t->listener_len);
    json_end(&j);
}

void recording_print_head(FILE *out)
{
    fputs("# time us command key result bytes value part client listener args error\n", out);
}

static void print_column(const uint8_t *text, size_t len, FILE *out)
{
    char shown[4 * TAKE_ARGS + 2];
    fprintf(out, " %s", live_escape(text, len, shown));
}

void recording_print_line(const struct recording *r, const struct take *t, FILE *out)
{
    char time[LIVE_TIME];
    live_print_time((double)t->at_us * 1e-6, time);
    fprintf(out, "%s %llu %s", time, (unsigned long long)t->us, recording_command(r));
    print_column(t->key, t->key_len, out);
    fprintf(out, " %s %llu %u %u/%u %u/%u", recording_result(r), (unsigned long long)t->bytes,
            t->value_len, t->part + 1, t->parts, t->worker, t->client);
    print_column(t->listener, t->listener_len, out);
    print_column(t->args, t->args_len, out);
    print_column(t->error, t->error_len, out);
    fputc('\n', out);
}
