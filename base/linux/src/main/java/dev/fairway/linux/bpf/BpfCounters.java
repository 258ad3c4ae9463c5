// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.BpfCall;
import dev.fairway.linux.Errno;
import dev.fairway.linux.Fd;
import dev.fairway.linux.KernelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/// An array of 64-bit counters that each processor counts for itself, so that counting waits for
/// nobody (`BPF_MAP_TYPE_PERCPU_ARRAY`).
public final class BpfCounters implements AutoCloseable {
  private static final int PER_CPU_ARRAY = 6;
  private static final int LOOKUP = 1;

  private final String name;
  private final int count;
  private final int processors;
  private final Fd fd;

  private BpfCounters(String name, int count, int processors, Fd fd) {
    this.name = name;
    this.count = count;
    this.processors = processors;
    this.fd = fd;
  }

  public static BpfCounters create(String name, int count) {
    Fd fd = BpfMap.create(PER_CPU_ARRAY, 0, name, Integer.BYTES, Long.BYTES, count);
    return new BpfCounters(name, count, possibleProcessors(), fd);
  }

  public String name() {
    return name;
  }

  Fd fd() {
    return fd;
  }

  /// The sums over all processors.
  public long[] read() {
    long[] sums = new long[count];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment key = arena.allocate(Integer.BYTES, 8);
      MemorySegment values = arena.allocate((long) processors * Long.BYTES, 8);
      MemorySegment attributes = BpfMap.attributes(arena, fd, key, values);
      for (int i = 0; i < count; i++) {
        key.set(ValueLayout.JAVA_INT, 0, i);
        BpfCall.call(LOOKUP, "BPF_MAP_LOOKUP_ELEM", attributes, "counters " + name);
        for (int cpu = 0; cpu < processors; cpu++) {
          sums[i] += values.getAtIndex(JAVA_LONG, cpu);
        }
      }
    }
    return sums;
  }

  /// The kernel answers for every processor that may ever be plugged in: `0-3` or `0,2-5`.
  private static int possibleProcessors() {
    try {
      String ranges = Files.readString(Path.of("/sys/devices/system/cpu/possible")).strip();
      int last = Math.max(ranges.lastIndexOf('-'), ranges.lastIndexOf(','));
      return Integer.parseInt(ranges.substring(last + 1)) + 1;
    } catch (IOException | NumberFormatException e) {
      throw new KernelException("read", Errno.ENOENT, "/sys/devices/system/cpu/possible: " + e);
    }
  }

  @Override
  public void close() {
    fd.close();
  }
}
