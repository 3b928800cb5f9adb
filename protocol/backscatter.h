/* backscatter.h - from the reader's watts to the tag's chip and back, in linear units.
 *                                                                            layer: protocol
 * Source: the journal page of linkbudget.md section 2, equations 4-8; the closed loop is the same
 * equations followed back to the reader. */
#ifndef PROTOCOL_BACKSCATTER_H
#define PROTOCOL_BACKSCATTER_H

#include <complex.h>
#include <stddef.h>

struct backscatter_ray {       /* a reflected path */
    float _Complex reflection; /* Gamma_n, |.| <= 1 */
    double length_m;           /* d_n > 0 */
};

/* Equation 5: the gain (a factor on power, below 1 in the far field) of a direct path of
 * `distance_m` and the rays beside it; without rays Friis.
 *   pre freq_hz > 0, distance_m > 0; ray[n_rays] */
double backscatter_path_gain_ratio(double freq_hz, double distance_m,
                                   const struct backscatter_ray *ray, size_t n_rays);

struct backscatter_loop {        /* ratios are of power; gains over isotropic */
    double reader_w;             /* P_t, > 0 */
    double carrier_gain_ratio;   /* G of the antenna that sends the carrier */
    double receiver_gain_ratio;  /* G_r of the one that listens; monostatic: the same */
    double tag_gain_ratio;       /* G_tag */
    double polarisation_ratio;   /* beta, 0..1, on each way */
    double down_ratio, up_ratio; /* L_p of either way; monostatic: the same */
    float _Complex matching;     /* Gamma of the chip while it harvests */
    float _Complex state[2];     /* Gamma_1, Gamma_2 of the two modulation states */
    double modulation_ratio;     /* alpha; 1/4 for the half swing between the two states */
};

double backscatter_eirp_w(const struct backscatter_loop *loop);           /* equation 4 */
double backscatter_tag_w(const struct backscatter_loop *loop);            /* equation 6 */
double backscatter_chip_w(const struct backscatter_loop *loop);           /* equation 7 */
double backscatter_modulation_ratio(const struct backscatter_loop *loop); /* K of equation 8 */
double backscatter_tag_eirp_w(const struct backscatter_loop *loop);       /* equation 8 */
/* What comes back: equation 8 times G_r, beta and the way up. */
double backscatter_received_w(const struct backscatter_loop *loop);

#endif
