/* diagnose_parts.h - what the files of the rules share. A rule that finds its fault writes text and advice
 * and returns the severity; 0: not so. `worst` is the severity of the rules before it.
 *                                                                   layer: reader, private */
#ifndef READER_DIAGNOSE_PARTS_H
#define READER_DIAGNOSE_PARTS_H

#include "reader/diagnose.h"

#define DIAGNOSE_CLIPPED_SHARE 1e-5

double diagnose_share(uint64_t part, uint64_t whole);
/* Slots in which one tag answered, as far as can be told. */
uint64_t diagnose_n_answered(const struct diagnose_view *view);
/* Most tags that answer are read. */
bool diagnose_reads_well(const struct diagnose_view *view);

/* Write a text, or the rest of one; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) void diagnose_say(char text[DIAGNOSE_TEXT],
                                                        const char *format, ...);
__attribute__((format(printf, 2, 3))) void diagnose_add(char text[DIAGNOSE_TEXT],
                                                        const char *format, ...);
struct diagnose_span { /* "350 us", "15 ms" */
    char text[24];
};
struct diagnose_span diagnose_span_of(double us);

double diagnose_rule_band(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst);
double diagnose_rule_device(const struct diagnose_view *view, struct diagnose_finding *finding,
                            double worst);
double diagnose_rule_reference(const struct diagnose_view *view, struct diagnose_finding *finding,
                               double worst);
double diagnose_rule_lo(const struct diagnose_view *view, struct diagnose_finding *finding,
                        double worst);
double diagnose_rule_clipping(const struct diagnose_view *view, struct diagnose_finding *finding,
                              double worst);
double diagnose_rule_port(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst);
double diagnose_rule_subdevice(const struct diagnose_view *view, struct diagnose_finding *finding,
                               double worst);
double diagnose_rule_no_carrier(const struct diagnose_view *view, struct diagnose_finding *finding,
                                double worst);
double diagnose_rule_gain(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst);
double diagnose_rule_delay(const struct diagnose_view *view, struct diagnose_finding *finding,
                           double worst);
double diagnose_rule_late(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst);
double diagnose_rule_lost(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst);
double diagnose_rule_interference(const struct diagnose_view *view,
                                  struct diagnose_finding *finding, double worst);
double diagnose_rule_clock(const struct diagnose_view *view, struct diagnose_finding *finding,
                           double worst);
double diagnose_rule_ack(const struct diagnose_view *view, struct diagnose_finding *finding,
                         double worst);
double diagnose_rule_weak(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst);
double diagnose_rule_silent(const struct diagnose_view *view, struct diagnose_finding *finding,
                            double worst);
double diagnose_rule_noisy_carrier(const struct diagnose_view *view,
                                   struct diagnose_finding *finding, double worst);
double diagnose_rule_dc(const struct diagnose_view *view, struct diagnose_finding *finding,
                        double worst);
double diagnose_rule_image(const struct diagnose_view *view, struct diagnose_finding *finding,
                           double worst);

#endif
