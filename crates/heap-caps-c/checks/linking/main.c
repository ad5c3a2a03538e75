/* A program that uses the C library's mathematics beside the heap, the heap's archive named first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * `cargo xtask check-symbols` links it and looks at which names the program took from where.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int heap_caps_linking_uses_the_heap(void);

int main(int count, char **words)
{
    double x = count > 1 ? atof(words[1]) : 7.5, y = 2.0;
    float fx = (float)x, fy = (float)y;
    printf("%g %g %g %g %g\n", fmod(x, y), (double)fmodf(fx, fy), fma(x, y, 1.0),
           (double)fmaf(fx, fy, 1.0f), cbrt(x * x * x));
    printf("%g %g %g %g %g %g\n", sqrt(x), (double)sqrtf(fx), ceil(x), floor(x), rint(x), trunc(x));
    printf("%g %g %g %g\n", fmax(x, y), fmin(x, y), fdim(x, y), (double)cbrtf(fx));
    return heap_caps_linking_uses_the_heap();
}
