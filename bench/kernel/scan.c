// The native loop beside which bench/kernel/raw-scan.ts measures the kernel: doubles in DRAM, read with
// SSE2, two a vector, four accumulators, as assembly/sum.ts does with WebAssembly's vectors of the same size.
// For each line read, `sum` or `max`, one pass: nanoseconds of processor time and the result.

#include <emmintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double sum(const double *values, size_t count) {
  __m128d a = _mm_setzero_pd(), b = a, c = a, d = a;
  for (size_t i = 0; i < count; i += 8) {
    a = _mm_add_pd(a, _mm_load_pd(values + i));
    b = _mm_add_pd(b, _mm_load_pd(values + i + 2));
    c = _mm_add_pd(c, _mm_load_pd(values + i + 4));
    d = _mm_add_pd(d, _mm_load_pd(values + i + 6));
  }
  a = _mm_add_pd(_mm_add_pd(a, b), _mm_add_pd(c, d));
  return _mm_cvtsd_f64(a) + _mm_cvtsd_f64(_mm_unpackhi_pd(a, a));
}

static double greatest(const double *values, size_t count) {
  __m128d a = _mm_load_pd(values), b = a, c = a, d = a;
  for (size_t i = 0; i < count; i += 8) {
    a = _mm_max_pd(a, _mm_load_pd(values + i));
    b = _mm_max_pd(b, _mm_load_pd(values + i + 2));
    c = _mm_max_pd(c, _mm_load_pd(values + i + 4));
    d = _mm_max_pd(d, _mm_load_pd(values + i + 6));
  }
  a = _mm_max_pd(_mm_max_pd(a, b), _mm_max_pd(c, d));
  a = _mm_max_pd(a, _mm_unpackhi_pd(a, a));
  return _mm_cvtsd_f64(a);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

// Argument: how many doubles, a multiple of eight. Value i is i mod 1,000 / 8, so that sums are exact.
int main(int argc, char **argv) {
  const size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  double *values = NULL;
  if (count == 0 || count % 8 != 0 || posix_memalign((void **)&values, 64, count * 8) != 0) return 2;
  for (size_t i = 0; i < count; i++) values[i] = (double)(i % 1000) / 8;
  char line[16];
  while (fgets(line, sizeof line, stdin) != NULL) {
    const double start = now();
    const double result =
        strncmp(line, "max", 3) == 0 ? greatest(values, count) : sum(values, count);
    printf("%.0f %.17g\n", now() - start, result);
    fflush(stdout);
  }
  free(values);
  return 0;
}
