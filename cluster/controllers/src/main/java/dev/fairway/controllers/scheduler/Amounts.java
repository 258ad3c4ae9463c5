// SPDX-License-Identifier: Apache-2.0
package dev.fairway.controllers.scheduler;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Quantity;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Amounts of resources by name: `cpu` in thousandths of a core, everything else in its own unit.
final class Amounts {
  static final String CPU = "cpu";
  static final String MEMORY = "memory";
  static final String PODS = "pods";

  private final Map<String, Long> amounts = new HashMap<>();

  static Amounts of(@Nullable Map<String, Quantity> quantities) {
    Amounts amounts = new Amounts();
    if (quantities != null) {
      quantities.forEach((name, quantity) -> amounts.amounts.put(name, number(name, quantity)));
    }
    return amounts;
  }

  /// What a pod occupies: its containers together, or more if an init container needs more before
  /// they run. Init containers that keep running (KEP-753) count like containers.
  static Amounts ofPod(PodSpec pod) {
    Amounts total = new Amounts();
    Amounts initPeak = new Amounts();
    Amounts sidecars = new Amounts();
    if (pod.getInitContainers() != null) {
      for (Container init : pod.getInitContainers()) {
        Amounts own = ofContainer(init);
        if ("Always".equals(init.getRestartPolicy())) {
          sidecars.add(own);
          initPeak.max(sidecars);
        } else {
          Amounts together = new Amounts();
          together.add(sidecars);
          together.add(own);
          initPeak.max(together);
        }
      }
    }
    for (Container container : pod.getContainers()) {
      total.add(ofContainer(container));
    }
    total.add(sidecars);
    total.max(initPeak);
    total.add(of(pod.getOverhead()));
    return total;
  }

  private static Amounts ofContainer(Container container) {
    return of(container.getResources() == null ? null : container.getResources().getRequests());
  }

  private static long number(String name, Quantity quantity) {
    BigDecimal amount = quantity.getNumericalAmount();
    BigDecimal scaled = name.equals(CPU) ? amount.movePointRight(3) : amount;
    return scaled.setScale(0, RoundingMode.CEILING).longValue();
  }

  long get(String name) {
    return amounts.getOrDefault(name, 0L);
  }

  void add(Amounts more) {
    more.amounts.forEach((name, amount) -> amounts.merge(name, amount, Long::sum));
  }

  private void max(Amounts other) {
    other.amounts.forEach((name, amount) -> amounts.merge(name, amount, Long::max));
  }

  Map<String, Long> byName() {
    return amounts;
  }
}
