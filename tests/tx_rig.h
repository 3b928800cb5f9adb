/* tx_rig.h - links and shapes that the tests of the transmit chain begin with.          layer: tests */
#ifndef TESTS_TX_RIG_H
#define TESTS_TX_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/units.h"
#include "dsp/pie.h"
#include "dsp/tx_shape.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline struct link make_link(double tari_us, double data1_tari, double pw_us,
                                    double trcal_us)
{
    struct link link = {.tari_us = tari_us,
                        .data0_us = tari_us,
                        .pw_us = pw_us,
                        .delimiter_us = 12.5,
                        .trcal_us = trcal_us};
    link.data1_us = data1_tari * tari_us;
    link.rtcal_us = link.data0_us + link.data1_us;
    return link;
}

static inline struct tx_shape_cfg make_cfg(int modulation)
{
    return (struct tx_shape_cfg){.modulation = modulation,
                                 .depth_ratio = 0.95,
                                 .rise_us = NAN,
                                 .amplitude = 0.7,
                                 .ramp_us = 20.0};
}

#endif
