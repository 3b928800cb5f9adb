/* cli_version.c - --version: the program and the libraries it runs with. */
#include <complex.h>
#include <fftw3.h>
#include <liquid/liquid.h>
#include <zmq.h>

#include "config/require.h"
#include "radio/radio.h"
#include "reader/cli_private.h"

void cli_print_version(FILE *stream)
{
    int major, minor, patch;
    require(stream);
    zmq_version(&major, &minor, &patch);
    fprintf(stream, "zpreader %s\n", ZP_VERSION);
    fprintf(stream, "UHD %s\n", radio_uhd_version());
    fprintf(stream, "liquid-dsp %s\n", liquid_libversion());
    fprintf(stream, "FFTW %s\n", fftwf_version);
    fprintf(stream, "libzmq %d.%d.%d\n", major, minor, patch);
}
