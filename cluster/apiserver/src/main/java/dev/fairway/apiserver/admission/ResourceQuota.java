// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.PodResources;
import dev.fairway.apimachinery.Quantity;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.quota.QuotaScopes;
import dev.fairway.apimachinery.quota.QuotaUsage;
import dev.fairway.apimachinery.quota.QuotaUsage.Resource;
import dev.fairway.apiserver.registry.Registry;
import dev.fairway.apiserver.registry.StoredForm;
import dev.fairway.store.Entry;
import dev.fairway.store.RevisionMismatch;
import dev.fairway.store.Store;
import dev.fairway.store.StoreUnavailable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Lets a namespace have no more than its ResourceQuotas say.
///
/// The count is `status.used` in the store. Before an object is stored, its share is added by
/// compare-and-set; so however many are made at once, and by however many API servers, no two get
/// the same share. What is freed is taken off as soon as the object has gone, and given back at
/// once if the object was not stored after all. A controller counts anew now and then, which mends
/// what a crash in between leaves.
final class ResourceQuota implements AdmissionStep {
  private static final Logger LOG = LoggerFactory.getLogger(ResourceQuota.class);
  private static final Kind QUOTAS = Registry.builtin("", "ResourceQuota");
  private static final Set<String> MUST_SAY =
      Set.of("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory");

  private final Store store;

  ResourceQuota(Store store) {
    this.store = store;
  }

  @Override
  public String name() {
    return "ResourceQuota";
  }

  @Override
  public void admit(Admission admission) {
    Kind kind = admission.kind();
    if (!kind.namespaced() || (admission.old() != null && !grows(kind))) {
      return;
    }
    List<Entry> quotas = quotas(admission.namespace());
    if (quotas.isEmpty()) {
      return;
    }
    Resource resource = resource(kind);
    Map<String, Quantity> more =
        growth(QuotaUsage.of(resource, admission.object()), usage(resource, admission.old()));
    for (Entry entry : quotas) {
      ObjectNode quota = StoredForm.tree(QUOTAS, entry);
      if (QuotaScopes.match(quota, resource, admission.object())) {
        if (resource.plural().equals("pods")) {
          requireSaid(admission, quota);
        }
        reserve(admission, entry, resource, more);
      }
    }
  }

  /// An object has been changed, or is gone: frees what it no longer uses.
  void changed(Kind kind, ObjectNode before, @Nullable ObjectNode now) {
    if (!kind.namespaced()) {
      return;
    }
    Resource resource = resource(kind);
    Map<String, Quantity> less = growth(usage(resource, before), usage(resource, now));
    if (less.isEmpty()) {
      return;
    }
    try {
      for (Entry entry : quotas(Trees.text(before, "metadata", "namespace"))) {
        if (QuotaScopes.match(StoredForm.tree(QUOTAS, entry), resource, before)) {
          release(entry.key(), less);
        }
      }
    } catch (StoreUnavailable e) {
      // The object is written; the controller counts anew.
      LOG.warn("a share of a ResourceQuota is given back later: {}", e.getMessage());
    }
  }

  /// Kinds whose share may change while they live.
  private static boolean grows(Kind kind) {
    return kind.is("", "Service") || kind.is("", "PersistentVolumeClaim");
  }

  private static Resource resource(Kind kind) {
    return new Resource(kind.group(), kind.plural());
  }

  private List<Entry> quotas(String namespace) {
    return store.list(QUOTAS.keyPrefix(namespace), null, 0, 0).entries();
  }

  private static Map<String, Quantity> usage(Resource resource, @Nullable ObjectNode object) {
    return object == null ? Map.of() : QuotaUsage.of(resource, object);
  }

  /// What is in the first and not in the second.
  private static Map<String, Quantity> growth(
      Map<String, Quantity> now, Map<String, Quantity> before) {
    Map<String, Quantity> more = new LinkedHashMap<>();
    now.forEach((name, amount) -> {
      Quantity had = before.get(name);
      Quantity difference = had == null ? amount : amount.minus(had);
      if (difference.value().signum() > 0) {
        more.put(name, difference);
      }
    });
    return more;
  }

  /// One who shares cpu or memory must say how much.
  private static void requireSaid(Admission admission, ObjectNode quota) {
    Map<String, Set<String>> missing = new TreeMap<>();
    JsonNode spec = admission.object().path("spec");
    for (String name : PodResources.amounts(quota, "spec", "hard").keySet()) {
      if (!MUST_SAY.contains(name)) {
        continue;
      }
      String list = name.startsWith("limits.") ? "limits" : "requests";
      String resource = name.substring(name.indexOf('.') + 1);
      if (Trees.at(spec, "resources", list, resource) != null) {
        continue;
      }
      for (String containers : List.of("containers", "initContainers")) {
        for (JsonNode container : Trees.items(spec, containers)) {
          if (Trees.at(container, "resources", list, resource) == null) {
            missing.computeIfAbsent(name, _ -> new TreeSet<>()).add(Trees.text(container, "name"));
          }
        }
      }
    }
    if (!missing.isEmpty()) {
      StringBuilder text = new StringBuilder();
      missing.forEach((name, containers) ->
          text.append(text.isEmpty() ? "" : "; ")
              .append(name)
              .append(" for: ")
              .append(String.join(",", containers)));
      throw admission.forbidden(
          "failed quota: " + Trees.text(quota, "metadata", "name") + ": must specify " + text);
    }
  }

  private void reserve(
      Admission admission, Entry first, Resource resource, Map<String, Quantity> more) {
    @Nullable Entry entry = first;
    while (entry != null) {
      ObjectNode quota = StoredForm.tree(QUOTAS, entry);
      Map<String, Quantity> hard = PodResources.amounts(quota, "spec", "hard");
      Map<String, Quantity> mine = new TreeMap<>(more);
      mine.keySet().retainAll(hard.keySet());
      if (mine.isEmpty()) {
        return;
      }
      Map<String, Quantity> used = used(admission, quota, resource, mine.keySet());
      check(admission, quota, mine, used, hard);
      if (admission.dryRun()) {
        return;
      }
      ObjectNode count = Trees.child(Trees.child(quota, "status"), "used");
      mine.forEach((name, amount) -> count.put(name, used.get(name).plus(amount).toString()));
      String key = entry.key();
      if (write(entry, quota)) {
        admission.undo(() -> release(key, mine));
        return;
      }
      entry = store.get(key);
    }
  }

  private static void check(
      Admission admission,
      ObjectNode quota,
      Map<String, Quantity> mine,
      Map<String, Quantity> used,
      Map<String, Quantity> hard) {
    Map<String, Quantity> over = new TreeMap<>();
    mine.forEach((name, amount) -> {
      if (used.get(name).plus(amount).compareTo(hard.get(name)) > 0) {
        over.put(name, amount);
      }
    });
    if (!over.isEmpty()) {
      throw admission.forbidden(
          "exceeded quota: "
              + Trees.text(quota, "metadata", "name")
              + ", requested: "
              + text(over.keySet(), over)
              + ", used: "
              + text(over.keySet(), used)
              + ", limited: "
              + text(over.keySet(), hard));
    }
  }

  private static String text(Set<String> names, Map<String, Quantity> amounts) {
    StringBuilder text = new StringBuilder();
    for (String name : names) {
      text.append(text.isEmpty() ? "" : ",").append(name).append('=').append(amounts.get(name));
    }
    return text.toString();
  }

  /// What is used of these names; a quota that nobody has counted for yet is counted here.
  private Map<String, Quantity> used(
      Admission admission, ObjectNode quota, Resource resource, Set<String> names) {
    Map<String, Quantity> used = PodResources.amounts(quota, "status", "used");
    if (used.keySet().containsAll(names)) {
      return used;
    }
    Map<String, Quantity> counted = new LinkedHashMap<>();
    Kind kind = admission.kind();
    for (Entry entry : store.list(kind.keyPrefix(admission.namespace()), null, 0, 0).entries()) {
      ObjectNode object = StoredForm.tree(kind, entry);
      if (QuotaScopes.match(quota, resource, object)) {
        QuotaUsage.of(resource, object)
            .forEach((name, amount) -> counted.merge(name, amount, Quantity::plus));
      }
    }
    for (String name : names) {
      used.putIfAbsent(name, counted.getOrDefault(name, Quantity.of(0)));
    }
    return used;
  }

  private void release(String key, Map<String, Quantity> less) {
    for (Entry entry = store.get(key); entry != null; entry = store.get(key)) {
      ObjectNode quota = StoredForm.tree(QUOTAS, entry);
      ObjectNode count = Trees.child(Trees.child(quota, "status"), "used");
      boolean freed = false;
      for (Map.Entry<String, Quantity> freeing : less.entrySet()) {
        JsonNode before = count.get(freeing.getKey());
        if (before != null) {
          Quantity left = Quantity.parse(before.asString()).minus(freeing.getValue());
          count.put(freeing.getKey(), left.isNegative() ? "0" : left.toString());
          freed = true;
        }
      }
      if (!freed || write(entry, quota)) {
        return;
      }
    }
  }

  /// False if somebody else was faster.
  private boolean write(Entry entry, ObjectNode quota) {
    try {
      store.update(entry.key(), StoredForm.encode(QUOTAS, quota), entry.modRevision());
      return true;
    } catch (RevisionMismatch _) {
      return false;
    }
  }
}
