/* link.h - link parameters and timing: Tari, RTcal, TRcal, DR, M, TRext -> BLF, T1..T7.
 *                                                                        layer: protocol
 * Source: Gen2 6.3.1.2, 6.3.1.3.3 (BLF tolerance), 6.3.1.6 (link timing). */
#ifndef PROTOCOL_LINK_H
#define PROTOCOL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/option.h"

enum link_dr { LINK_DR_8 = 0, LINK_DR_64_3 = 1 };                    /* value of the Query field */
enum link_m { LINK_FM0 = 0, LINK_M2 = 1, LINK_M4 = 2, LINK_M8 = 3 }; /* value of the Query field */

struct link_cfg {      /* option keys link.* : table link_options */
    double tari_us;    /* 6.25 .. 25, default 25 */
    double data1_tari; /* data-1 length, 1.5 .. 2.0 Tari, default 2.0 */
    double pw_tari;    /* PW, default 0.5; checked against MAX(0.265 Tari, 2 us) .. 0.525 Tari */
    double blf_hz;     /* 40e3 .. 640e3, default 40e3 */
    int dr;            /* choice "auto|8|64/3": auto = 8 where legal with this Tari, else 64/3 */
    int m;             /* enum link_m, choice "fm0|miller2|miller4|miller8" */
    bool trext;
};
extern const struct option_table link_options;

struct link {
    double tari_us, data0_us, data1_us, pw_us, delimiter_us;
    double rtcal_us, trcal_us;
    double blf_hz, tpri_us;
    enum link_dr dr;
    enum link_m m;
    unsigned m_cycles; /* 1, 2, 4, 8: subcarrier cycles a symbol (FM0: 1) */
    bool trext;
    double frt_ratio;     /* BLF tolerance, nominal temperature (table 2.2 of the fact sheet) */
    double frt_ext_ratio; /* extended temperature */
    double t1_min_us, t1_nom_us, t1_max_us;
    double t2_min_us, t2_max_us;
    double t4_min_us;
    double t5_max_us; /* 20 ms */
};

/* Check every limit of the standard and compute.
 *   err  ST_RANGE, detail names key, value, accepted range and the clause */
enum status link_make(const struct link_cfg *cfg, struct link *link) must_check;

/* A link from what was seen on the air (passive decoding): durations measured in us.
 * Lenient: +-10 % beyond the standard is accepted; PW may be 0 (unknown).   err ST_RANGE */
enum status link_from_measured(double tari_us, double rtcal_us, double trcal_us, enum link_dr dr,
                               enum link_m m, bool trext, struct link *link) must_check;

/* Tolerance row for a DR and TRcal; ratio.   err ST_RANGE outside the table */
enum status link_tolerance(enum link_dr dr, double trcal_us, double *nominal_ratio,
                           double *extended_ratio) must_check;

/* Air time of a tag reply of n_bits data bits (preamble, data, dummy 1), us; pilot overrides TRext. */
double link_reply_us(const struct link *link, size_t n_bits, bool pilot);

/* Air time of a command: first falling edge of the delimiter to the last rising edge, us. */
double link_command_us(const struct link *link, const uint8_t *bit, size_t n_bits,
                       bool with_preamble);

#endif
