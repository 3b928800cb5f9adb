/* crash.h - the carrier goes off when the program crashes.                    layer: reader
 * SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (which a failed require() raises): the handler asks TX,
 * a thread of its own that goes on, to ramp down, waits for that at most CRASH_WAIT_MS, and lets the
 * signal take its course. When TX itself crashed nobody feeds the device any more: it runs dry, and
 * radio.tx_lead_us is all the carrier that still follows. The same holds for SIGKILL. Another process
 * to guard this one could not do more: the device belongs to the process that opened it. */
#ifndef READER_CRASH_H
#define READER_CRASH_H

#include "reader/reader_parts.h"

#define CRASH_WAIT_MS 1000

/* From now on (to crash_disarm) a crash ends this reader's carrier. Main thread; one reader at a time. */
void crash_arm(struct reader *reader);
void crash_disarm(void);

/* The calling thread is TX. */
void crash_mark_tx(void);

#endif
