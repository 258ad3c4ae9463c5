// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.util.Arrays;

/// Measured values of one thing.
final class Samples {
  private double[] values = new double[64];
  private int count;

  void add(double value) {
    if (count == values.length) {
      values = Arrays.copyOf(values, count * 2);
    }
    values[count++] = value;
  }

  double median() {
    return percentile(50);
  }

  /// The smallest value that is not below `percent` of all.
  double percentile(double percent) {
    if (count == 0) {
      throw new IllegalStateException("nothing was measured");
    }
    double[] sorted = Arrays.copyOf(values, count);
    Arrays.sort(sorted);
    return sorted[Math.min(count - 1, (int) (count * percent / 100))];
  }
}
