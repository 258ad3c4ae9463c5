// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/// How a pod's requests and limits rank it, and what they mean to the kernel.
final class Qos {
  static final String GUARANTEED = "Guaranteed";
  static final String BURSTABLE = "Burstable";
  static final String BEST_EFFORT = "BestEffort";

  // The kernel's weights and periods: documentation of cpu.shares and cpu.cfs_quota_us.
  private static final long MIN_SHARES = 2;
  private static final long MAX_SHARES = 262_144;
  private static final long SHARES_PER_CPU = 1024;
  static final long PERIOD_MICROS = 100_000;
  private static final long MIN_QUOTA_MICROS = 1000;

  private static final List<String> RANKED = List.of("cpu", "memory");

  private Qos() {}

  static String classOf(Pod pod) {
    boolean any = false;
    boolean guaranteed = true;
    for (Container container : containers(pod)) {
      for (String resource : RANKED) {
        Optional<Quantity> request = request(container, resource);
        Optional<Quantity> limit = limit(container, resource);
        any |= request.isPresent() || limit.isPresent();
        guaranteed &=
            limit.isPresent()
                && request.isPresent()
                && request.get().getNumericalAmount().compareTo(limit.get().getNumericalAmount())
                    == 0;
      }
    }
    if (!any) {
      return BEST_EFFORT;
    }
    return guaranteed ? GUARANTEED : BURSTABLE;
  }

  /// Who is killed first when memory runs out, -1000 (never) to 1000.
  static int oomScoreAdjust(Pod pod, Container container, long nodeMemoryBytes) {
    return switch (classOf(pod)) {
      case GUARANTEED -> -997;
      case BEST_EFFORT -> 1000;
      default -> {
        long requested = request(container, "memory").map(Qos::bytes).orElse(0L);
        long adjust = 1000 - 1000 * requested / Math.max(1, nodeMemoryBytes);
        yield Math.clamp(adjust, 3, 999);
      }
    };
  }

  static long shares(Container container) {
    long milli =
        request(container, "cpu").or(() -> limit(container, "cpu")).map(Qos::milli).orElse(0L);
    return Math.clamp(milli * SHARES_PER_CPU / 1000, MIN_SHARES, MAX_SHARES);
  }

  /// Microseconds of CPU time in each period; 0 for no limit.
  static long quotaMicros(Container container) {
    return limit(container, "cpu")
        .map(quantity -> Math.max(MIN_QUOTA_MICROS, milli(quantity) * PERIOD_MICROS / 1000))
        .orElse(0L);
  }

  /// 0 for no limit.
  static long memoryLimitBytes(Container container) {
    return limit(container, "memory").map(Qos::bytes).orElse(0L);
  }

  /// A request that is missing equals the limit.
  static Optional<Quantity> request(Container container, String resource) {
    var resources = container.getResources();
    if (resources == null) {
      return Optional.empty();
    }
    return find(resources.getRequests(), resource).or(() -> find(resources.getLimits(), resource));
  }

  static Optional<Quantity> limit(Container container, String resource) {
    var resources = container.getResources();
    return resources == null ? Optional.empty() : find(resources.getLimits(), resource);
  }

  static long bytes(Quantity quantity) {
    return quantity.getNumericalAmount().setScale(0, RoundingMode.CEILING).longValue();
  }

  static long milli(Quantity quantity) {
    return quantity
        .getNumericalAmount()
        .multiply(BigDecimal.valueOf(1000))
        .setScale(0, RoundingMode.CEILING)
        .longValue();
  }

  private static Optional<Quantity> find(Map<String, Quantity> quantities, String resource) {
    // A quantity of zero is as good as none here.
    return quantities == null
        ? Optional.empty()
        : Optional.ofNullable(quantities.get(resource))
            .filter(quantity -> quantity.getNumericalAmount().signum() > 0);
  }

  private static List<Container> containers(Pod pod) {
    return Stream.of(pod.getSpec().getInitContainers(), pod.getSpec().getContainers())
        .filter(Objects::nonNull)
        .flatMap(List::stream)
        .toList();
  }
}
