/* bench_count.h - Monte-Carlo trials on all cores, and the Eb/N0 at which an error rate is met.
 *                                                                                  layer: tests */
#ifndef TESTS_BENCH_COUNT_H
#define TESTS_BENCH_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench.h"

enum { BENCH_COUNTERS = 64 };

/* One trial: everything in it follows from its index. Adds to the counters. */
typedef void bench_trial(void *context, uint64_t index, double counter[BENCH_COUNTERS]);

/* Run trials first .. first + n - 1 in run->n_jobs processes and add up their counters.
 *   out 0, or 1 when a process failed (said on stderr)
 *   pre the trial changes nothing of the context that the next trial needs */
int bench_count(const struct bench_run *run, bench_trial *trial, void *context, uint64_t first,
                uint64_t n, double counter[BENCH_COUNTERS]);

/* PER of the textbook bound (limits.md 1) for m half-cycles a chip: closed form for FM0; Miller by
 * its error events, PER = 1 - (1 - Q(sqrt(g)) / 2)^N. Guides the search, never a result. */
double bench_per_theory(unsigned m, size_t n_bits, double ebn0_db);
/* Its inverse.   pre 0 < per < 1 */
double bench_ebn0_theory(unsigned m, size_t n_bits, double per);

#endif
