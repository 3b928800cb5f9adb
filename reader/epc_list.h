/* epc_list.h - lists in a text or a file: words separated by commas, blanks or line ends, # begins a comment.
 *                                                                            layer: reader */
#ifndef READER_EPC_LIST_H
#define READER_EPC_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "config/status.h"

enum { EPC_LIST_FILE_BYTES = 1 << 18 };

/* The next word.   in, out *text: behind it   out word, n_chars (not terminated); false: there is none */
bool epc_list_word(const char **text, const char **word, size_t *n_chars);

/* A whole file as a string.
 *   out  text, zero-terminated
 *   err  ST_NOT_FOUND, ST_IO; ST_USAGE too long, or no text. The detail begins with key and path */
enum status epc_list_read(const char *key, const char *path,
                          char text[EPC_LIST_FILE_BYTES]) must_check;

#endif
