/* coexist.h - what an emitter does to a passive service: dishes, footprints, limits.
 *                                                                            layer: protocol
 * Source: linkbudget.md section 4 (IEEE 802.15 THz liaison; ITU-R RA.769, RS.1092). */
#ifndef PROTOCOL_COEXIST_H
#define PROTOCOL_COEXIST_H

/* Beam of a dish, lambda / (illumination * diameter), and its gain 16 / beam^2.
 *   pre all > 0; illumination 0.75 in the source */
double coexist_beam_rad(double freq_hz, double dish_m, double illumination_ratio);
double coexist_dish_gain_dbi(double freq_hz, double dish_m, double illumination_ratio);
/* The dish with that gain. */
double coexist_dish_m(double freq_hz, double gain_dbi, double illumination_ratio);

/* Beam of an antenna of that gain, and the floor it covers from an altitude. */
double coexist_gain_beam_rad(double gain_dbi);
double coexist_footprint_m2(double gain_dbi, double altitude_m);

/* Power at an isotropic antenna (plus gain_dbi) that a service bears: spectral flux times bandwidth
 * times aperture, dBm.   flux_db_mw_m2_hz in dB(mW/m2/Hz) */
double coexist_threshold_dbm(double flux_db_mw_m2_hz, double bandwidth_hz, double freq_hz,
                             double gain_dbi);

/* n rays that add in field, n emitters that add in power.   pre n > 0 */
double coexist_rays_db(double n_rays);
double coexist_emitters_db(double n_emitters);

struct coexist { /* one kind of emitter and its victim */
    double eirp_dbm;
    double loss_db;    /* from emitter to victim, gas and side lobes in it */
    double gain_dbi;   /* of the victim towards it */
    double n_rays;     /* per emitter, in phase; 1: the direct one alone */
    double n_emitters; /* in sight */
    double limit_dbm;  /* what the victim bears */
};

double coexist_received_dbm(const struct coexist *c);
double coexist_margin_db(const struct coexist *c);      /* below 0: it interferes */
double coexist_eirp_limit_dbm(const struct coexist *c); /* of each emitter */

#endif
