/* decode_options.h - the decode.* keys.                                      layer: reader */
#ifndef READER_DECODE_OPTIONS_H
#define READER_DECODE_OPTIONS_H

#include "config/option.h"

extern const struct option_table decode_options;

#endif
