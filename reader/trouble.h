/* trouble.h - what went wrong between host and radio, said once a second while it does.
 *                                                                            layer: reader */
#ifndef READER_TROUBLE_H
#define READER_TROUBLE_H

#include <stddef.h>
#include <stdint.h>

#include "radio/radio.h"

struct trouble { /* zeroed: nothing seen yet */
    struct radio_counters seen;
    int64_t due_ns;
};

/* The line for the second that ends now, with what to do about it.
 *   in   counters  totals of the run
 *   out  text, "" when nothing happened or the second is not over    ret  length of text */
size_t trouble_text(struct trouble *trouble, const struct radio_counters *counters, int64_t now_ns,
                    char *text, size_t n_text);

#endif
