/* emit_options.h - the emit.* keys.                                          layer: reader */
#ifndef READER_EMIT_OPTIONS_H
#define READER_EMIT_OPTIONS_H

#include "config/option.h"

extern const struct option_table emit_options;

#endif
