/* html: texts and numbers for people, as HTML. Pure functions; the stream is the caller's, who owns it.
 *
 * Nothing that these write can end a text or an attribute in double quotes, whatever bytes it was given.
 */
#ifndef MOONGATE_BASE_HTML_H
#define MOONGATE_BASE_HTML_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Control bytes, but for newline and tab, and bytes that are not UTF-8 become \x1b and the like. */
void html_bytes(FILE *out, const void *bytes, size_t n);
void html_text(FILE *out, const char *text);

/* NAN is a dash in all of these. */
void html_count(FILE *out, double n);          /* 0.4, 12, 1,234 */
void html_size(FILE *out, double bytes);       /* 0 B, 12.3 kB, 4.56 MB */
void html_share(FILE *out, double share);      /* 98.7 % */
void html_latency(FILE *out, double seconds);  /* 87 us, 1.23 ms, 4.5 s, with the sign for micro */
void html_duration(FILE *out, double seconds); /* 12 s, 3 min 4 s, 5 h 6 min, 7 d 8 h */

void html_number(FILE *out, uint64_t n);     /* 1,234,567 */
void html_time(FILE *out, time_t t);         /* 2026-01-31 12:00:00 */
void html_machine_time(FILE *out, time_t t); /* 2026-01-31T12:00:00Z */

#endif
