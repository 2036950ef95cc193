/* log_file: opens the file of --log-file at start. Owns nothing: base/log has the descriptor from then on. */
#ifndef MOONGATE_MAIN_LOG_FILE_H
#define MOONGATE_MAIN_LOG_FILE_H

#include <stdbool.h>

/* The log goes to that file from now on. A file that exists must be one that `user` (NULL: the process's own) may write to: it opens the
 * file again later. One that is made belongs to that user. False after one line on stderr. */
bool log_file_begin(const char *path, const char *user) __attribute__((warn_unused_result));

#endif
