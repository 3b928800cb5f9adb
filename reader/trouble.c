/* trouble.c - counters of the radio as one line a second. */
#include "reader/trouble.h"

#include <inttypes.h>
#include <stdio.h>

#include "config/require.h"

#define PERIOD_NS 1000000000

size_t trouble_text(struct trouble *trouble, const struct radio_counters *counters, int64_t now_ns,
                    char *text, size_t n_text)
{
    const struct {
        uint64_t n;
        const char *one, *many, *advice;
    } rows[] = {
        {counters->overflows - trouble->seen.overflows, "overflow", "overflows",
         "the host is too slow to take what is received: lower --rate, quiet the machine or give "
         "it cores (timing.cpu_list)"},
        {counters->underflows - trouble->seen.underflows, "underflow", "underflows",
         "the host sends too late: raise radio.tx_lead_us, quiet the machine"},
        {counters->late - trouble->seen.late, "late burst", "late bursts",
         "the host sends too late: raise radio.tx_lead_us, quiet the machine"},
        {counters->sequence_errors - trouble->seen.sequence_errors, "lost packet", "lost packets",
         "the link to the radio loses packets: check cable and socket buffers"},
    };
    const char *advice = NULL;
    size_t n = 0;
    require(n_text > 0);
    text[0] = '\0';
    if (now_ns < trouble->due_ns) {
        return 0;
    }
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (rows[k].n > 0 && n < n_text) {
            n += (size_t)snprintf(text + n, n_text - n, "%s%" PRIu64 " %s",
                                  advice ? ", " : "in the last second: ", rows[k].n,
                                  rows[k].n == 1 ? rows[k].one : rows[k].many);
            advice = advice ? advice : rows[k].advice;
        }
    }
    if (advice && n < n_text) {
        n += (size_t)snprintf(text + n, n_text - n, ": %s", advice);
    }
    trouble->seen = *counters;
    trouble->due_ns = now_ns + PERIOD_NS;
    return n < n_text ? n : n_text - 1;
}
