/* antenna.h - what an antenna of a scene gains in a direction.            layer: radio/air
 * Source: half-wave dipole, cos(pi/2 cos t) / sin t over the angle t to its axis (any antenna
 * textbook); sector and patch, cos^n of the angle to the boresight in power. */
#ifndef RADIO_AIR_ANTENNA_H
#define RADIO_AIR_ANTENNA_H

#define ANTENNA_CHOICES "isotropic|dipole|sector"
enum antenna_pattern { ANTENNA_ISOTROPIC = 0, ANTENNA_DIPOLE, ANTENNA_SECTOR };

struct antenna {
    enum antenna_pattern pattern;
    double gain_dbi;         /* where it is strongest */
    double beam_deg;         /* sector: width at half power, 0 < beam < 180 */
    double front_to_back_db; /* no direction is weaker than the strongest by more, > 0 */
    double aim[3];           /* unit vector: the boresight, the dipole's axis */
};

/* Unit vector of an azimuth (from x to y) and an elevation (90: up). */
void antenna_aim(double azimuth_deg, double elevation_deg, double aim[3]);

/* Gain towards a place, given by the way to it; any length but 0. */
double antenna_gain_dbi(const struct antenna *antenna, const double towards[3]);

/* Exponent n of the sector's cos^n: half power at half the beam width. */
double antenna_exponent(double beam_deg);

#endif
