/* guard.h - what ends the carrier when the program itself fails: watchdog and crash handlers of a
 * running reader.                                                             layer: reader */
#ifndef READER_GUARD_H
#define READER_GUARD_H

#include "reader/reader_parts.h"

enum { GUARD_DSP = 0, GUARD_DECIDE }; /* places of the watched threads */

/* From before the threads start ... */
enum status guard_start(struct reader *reader) must_check;
/* ... until they have ended. */
void guard_stop(struct reader *reader);

#endif
