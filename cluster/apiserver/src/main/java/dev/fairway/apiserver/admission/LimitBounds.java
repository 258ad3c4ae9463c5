// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.PodResources;
import dev.fairway.apimachinery.Quantity;
import dev.fairway.apimachinery.Trees;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Rejects what is outside the bounds of the namespace's LimitRanges. Texts are upstream's.
final class LimitBounds implements AdmissionStep {
  private final Limits limits;

  LimitBounds(Limits limits) {
    this.limits = limits;
  }

  @Override
  public String name() {
    return LimitRanger.NAME;
  }

  @Override
  public boolean judges(Admission admission) {
    return admission.subresource().isEmpty() && Limits.concern(admission);
  }

  @Override
  public void admit(Admission admission) {
    Set<String> faults = new LinkedHashSet<>();
    JsonNode spec = admission.object().path("spec");
    if (admission.kind().is("", "Pod")) {
      for (JsonNode item : limits.of(admission.namespace(), "Container")) {
        for (String list : List.of("containers", "initContainers")) {
          for (JsonNode container : Trees.items(spec, list)) {
            check(
                "Container",
                item,
                PodResources.amounts(container, "resources", "requests"),
                PodResources.amounts(container, "resources", "limits"),
                faults);
          }
        }
      }
      List<JsonNode> ofPod = limits.of(admission.namespace(), "Pod");
      if (!ofPod.isEmpty()) {
        Map<String, Quantity> requests = PodResources.requests(spec);
        Map<String, Quantity> most = PodResources.limits(spec);
        ofPod.forEach(item -> check("Pod", item, requests, most, faults));
      }
    } else {
      Map<String, Quantity> requests = PodResources.amounts(spec, "resources", "requests");
      for (JsonNode item : limits.of(admission.namespace(), "PersistentVolumeClaim")) {
        claim(item, requests, faults);
      }
    }
    if (!faults.isEmpty()) {
      String text = String.join(", ", faults);
      throw admission.forbidden(faults.size() == 1 ? text : "[" + text + "]");
    }
  }

  private static void check(
      String type,
      JsonNode item,
      Map<String, Quantity> requests,
      Map<String, Quantity> limits,
      Set<String> faults) {
    PodResources.amounts(item, "min")
        .forEach((name, bound) ->
            add(faults, min(type, name, bound, requests.get(name), limits.get(name))));
    PodResources.amounts(item, "max")
        .forEach((name, bound) ->
            add(faults, max(type, name, bound, requests.get(name), limits.get(name))));
    PodResources.amounts(item, "maxLimitRequestRatio")
        .forEach((name, bound) ->
            add(faults, ratio(type, name, bound, requests.get(name), limits.get(name))));
  }

  private static void claim(JsonNode item, Map<String, Quantity> requests, Set<String> faults) {
    String type = "PersistentVolumeClaim";
    PodResources.amounts(item, "min")
        .forEach((name, bound) -> add(faults, min(type, name, bound, requests.get(name), null)));
    PodResources.amounts(item, "max")
        .forEach((name, bound) -> {
          Quantity request = requests.get(name);
          String rule = "maximum " + name + " usage per " + type + " is " + bound;
          if (request == null) {
            faults.add(rule + ".  No request is specified");
          } else if (request.compareTo(bound) > 0) {
            faults.add(rule + ", but request is " + request);
          }
        });
  }

  private static void add(Set<String> faults, @Nullable String fault) {
    if (fault != null) {
      faults.add(fault);
    }
  }

  private static @Nullable String min(
      String type,
      String name,
      Quantity bound,
      @Nullable Quantity request,
      @Nullable Quantity limit) {
    String rule = "minimum " + name + " usage per " + type + " is " + bound;
    if (request == null) {
      return rule + ".  No request is specified";
    }
    if (request.compareTo(bound) < 0) {
      return rule + ", but request is " + request;
    }
    return limit != null && limit.compareTo(bound) < 0 ? rule + ", but limit is " + limit : null;
  }

  private static @Nullable String max(
      String type,
      String name,
      Quantity bound,
      @Nullable Quantity request,
      @Nullable Quantity limit) {
    String rule = "maximum " + name + " usage per " + type + " is " + bound;
    if (limit == null) {
      return rule + ".  No limit is specified";
    }
    if (limit.compareTo(bound) > 0) {
      return rule + ", but limit is " + limit;
    }
    return request != null && request.compareTo(bound) > 0
        ? rule + ", but request is " + request
        : null;
  }

  private static @Nullable String ratio(
      String type,
      String name,
      Quantity bound,
      @Nullable Quantity request,
      @Nullable Quantity limit) {
    String rule = name + " max limit to request ratio per " + type + " is " + bound;
    if (request == null || request.value().signum() == 0) {
      return rule + ", but no request is specified or request is 0";
    }
    if (limit == null || limit.value().signum() == 0) {
      return rule + ", but no limit is specified or limit is 0";
    }
    if (limit.value().compareTo(bound.value().multiply(request.value())) <= 0) {
      return null;
    }
    BigDecimal found = limit.value().divide(request.value(), 6, RoundingMode.HALF_EVEN);
    return rule + ", but provided ratio is " + found.toPlainString();
  }
}
