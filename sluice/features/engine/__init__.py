"""The kernel: functions that Numba compiles, and the arrays that they read and write."""
