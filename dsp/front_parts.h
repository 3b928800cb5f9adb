/* front_parts.h - what the files of the receiver's front share.               layer: dsp, private */
#ifndef DSP_FRONT_PARTS_H
#define DSP_FRONT_PARTS_H

#include "dsp/front.h"

enum { FRONT_NOISE_SAMPLES_MIN = 16 }; /* decimated: fewer say too little of the noise */

/* n samples less a level onto a channel's sums. */
void front_sums_extend(struct front_channel *channel, const float _Complex *sample,
                       float _Complex level, size_t n);

/* The sum of the channels as far as the channels' own sums go. */
void front_combined_extend(struct front *front);

/* What the cleaners leave of carriers in the tag's band, in terms of the sums.   pre the quiet is
 * measured */
void front_near_begin(struct front *front);

#endif
