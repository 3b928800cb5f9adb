/* probe_options.h - the probe.* keys.                                        layer: reader */
#ifndef READER_PROBE_OPTIONS_H
#define READER_PROBE_OPTIONS_H

#include "config/option.h"

extern const struct option_table probe_options;

#endif
