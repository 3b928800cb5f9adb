/* sensitivity.h - the weakest reply the reader can use, from our own receiver's measured curve.
 *                                                                            layer: protocol
 * Eb and N0 as in the contract: the reply adds h s(t), s = -1 or +1; Eb = |h|^2 Tb, N0 the complex
 * noise density. |h|^2 is the power of half the swing between the tag's two states. */
#ifndef PROTOCOL_SENSITIVITY_H
#define PROTOCOL_SENSITIVITY_H

#include <stdbool.h>

#include "protocol/link.h"

enum sensitivity_reply { SENSITIVITY_RN16 = 0, SENSITIVITY_EPC };   /* 16 bits; PC, 96 bits, CRC */
enum sensitivity_per { SENSITIVITY_PER_10 = 0, SENSITIVITY_PER_1 }; /* 10 %, 1 % lost */
#define SENSITIVITY_REPLY_CHOICES "rn16|epc"
#define SENSITIVITY_PER_CHOICES "10|1"

struct sensitivity_link { /* what is to be read */
    enum link_m m;
    bool trext;
    double blf_hz;
    enum sensitivity_reply reply;
    enum sensitivity_per per;
};

/* Eb/N0 the receiver needs, dB; measured (sensitivity.c says how), +-0.05 dB; at link
 * frequencies other than those measured up to 0.3 dB less is told than is needed. */
double sensitivity_ebn0_db(const struct sensitivity_link *link);

/* Bits a second of the reply: BLF, or BLF / M. */
double sensitivity_bit_rate_hz(const struct sensitivity_link *link);

struct sensitivity_floor { /* of the receiver, at its antenna connector */
    double thermal_dbm_hz, noise_figure_db;
    double leak_dbm;         /* own carrier as it arrives; -INFINITY: none */
    double converter_dbc_hz; /* noise a converter that must take the leak adds, to the leak */
};

/* Density of the noise: thermal, and what is left of the carrier after our canceller, dBm/Hz. */
double sensitivity_floor_dbm_hz(const struct sensitivity_floor *floor);

/* The weakest reply: floor + bit rate + Eb/N0. */
double sensitivity_dbm(const struct sensitivity_link *link, const struct sensitivity_floor *floor);

/* What the canceller leaves above an ideal one's floor: the largest of `zpreader-bench canceller
 * --quick` but for added phase noise (static, drifting, walking and settling leaks of 60 and 80
 * dB). */
#define SENSITIVITY_CANCELLER_DB 0.08

/* Ideal static cancellation of a leak that fills the converter but for 6 dB, to the leak. */
#define SENSITIVITY_CONVERTER_12_BIT_DBC_HZ (-143.1) /* 12 bit, 32 MS/s */
#define SENSITIVITY_CONVERTER_14_BIT_DBC_HZ (-161.2) /* 14 bit, 100 MS/s */

#endif
