/* softusrp_report.h - what the devices were told and did, as one line of JSON.       layer: tests */
#ifndef TESTS_SOFTUSRP_REPORT_H
#define TESTS_SOFTUSRP_REPORT_H

#include <stdio.h>

#include "tests/softusrp_device.h"
#include "tests/softusrp_medium.h"

/* One line: {"event":"report","final":..,"stretched_s":..,"tags":[..],"devices":[..],
 * "complete":true}; the last key tells a reader of a growing file that the line is whole. */
void report_write(FILE *stream, struct device *const device[], unsigned n_devices,
                  const struct medium *medium, double stretched_s, int is_final);

#endif
