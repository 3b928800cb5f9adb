/* plane.h - lengths and projections in the I/Q plane.                          layer: dsp */
#ifndef DSP_PLANE_H
#define DSP_PLANE_H

#include <complex.h>

/* |z|^2, without the square root that cabs would take. */
static inline double plane_power(double _Complex z)
{
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

/* Scalar product of two vectors of the plane: the part of z along a unit vector. */
static inline double plane_along(double _Complex unit, double _Complex z)
{
    return creal(unit) * creal(z) + cimag(unit) * cimag(z);
}

#endif
