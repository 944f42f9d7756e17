/* Time for logs, progress and benchmarks; never for results. */
#ifndef UT_BASE_CLOCK_H
#define UT_BASE_CLOCK_H

/* Seconds since an arbitrary moment, monotonic. */
double ut_clock_wall(void);
/* CPU seconds of the whole process, and of the calling thread. */
double ut_clock_cpu(void);
double ut_clock_thread_cpu(void);

#endif
