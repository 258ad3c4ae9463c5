// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Kind;
import dev.fairway.apiserver.auth.Identity;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.store.Store;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The order in which writes pass the rules: first those that may change an object, then, once it
/// has its final form and is valid, those that only judge.
public final class AdmissionChain {
  private final List<AdmissionStep> changing;
  private final List<AdmissionStep> reserving;
  private final List<AdmissionStep> judging;
  private final Watcher after;

  /// Told of what has happened to stored objects.
  interface Watcher {
    /// An object has another state, or none.
    ///
    /// @param now null once the object is gone
    void changed(Kind kind, ObjectNode before, @Nullable ObjectNode now);
  }

  private AdmissionChain(
      List<AdmissionStep> changing,
      List<AdmissionStep> reserving,
      List<AdmissionStep> judging,
      Watcher after) {
    this.changing = changing;
    this.reserving = reserving;
    this.judging = judging;
    this.after = after;
  }

  /// The list.
  public static AdmissionChain of(
      Lookup lookup, Store store, ServiceAddresses serviceAddresses, Clock clock) {
    Limits limits = new Limits(lookup);
    ResourceQuota quota = new ResourceQuota(store);
    Conditions conditions = new Conditions(lookup);
    List<AdmissionStep> changing =
        List.of(
            new NamespaceLifecycle(lookup),
            new LimitRanger(limits),
            new ServiceAccountMount(lookup),
            new NodeRestriction(),
            new PodPriority(lookup),
            new TolerationSeconds(),
            new ClaimClass(lookup),
            new IngressClassName(lookup),
            new DefinitionAcceptance(clock),
            new MutatingWebhooks(store, lookup, conditions));
    List<AdmissionStep> reserving =
        List.of(
            // Last, as it reserves what a later rejection would have to give back.
            serviceAddresses);
    List<AdmissionStep> judging =
        List.of(
            new CustomRules(),
            new PolicyExpressions(conditions),
            new LimitBounds(limits),
            new PodSecurity(lookup),
            new ValidatingPolicies(store, lookup, conditions),
            new ValidatingWebhooks(store, lookup, conditions),
            // Last, as it counts what a later rejection would have to give back.
            quota);
    return new AdmissionChain(
        changing,
        reserving,
        judging,
        (kind, before, now) -> {
          if (now == null && kind.is("", "Service")) {
            serviceAddresses.release(before);
          }
          quota.changed(kind, before, now);
        });
  }

  /// No rules at all.
  public static AdmissionChain none() {
    return new AdmissionChain(List.of(), List.of(), List.of(), (_, _, _) -> {});
  }

  /// Completes an object.
  public void change(Admission admission) {
    run(changing, admission);
    if (admission.rounds().again()) {
      // Somebody outside changed the object: what was decided before is looked at once more.
      run(changing, admission);
    }
    run(reserving, admission);
  }

  /// Judges an object in its final form.
  public void judge(Admission admission) {
    run(judging, admission);
  }

  @SuppressWarnings("ReferenceEquality") // a client of the same name is not the server itself
  private static void run(List<AdmissionStep> steps, Admission admission) {
    boolean byServer = admission.identity() == Identity.SERVER;
    for (AdmissionStep step : steps) {
      if (step.judges(admission) && !(byServer && step.isUsers())) {
        step.admit(admission);
      }
    }
  }

  /// A stored object was changed, or removed for good if `now` is null.
  public void changed(Kind kind, ObjectNode before, @Nullable ObjectNode now) {
    after.changed(kind, before, now);
  }

  /// The names in their order, for people to see.
  public List<String> names() {
    List<String> names = new ArrayList<>();
    changing.forEach(step -> names.add(step.name()));
    reserving.forEach(step -> names.add(step.name()));
    judging.forEach(step -> {
      if (!names.contains(step.name())) {
        names.add(step.name());
      }
    });
    return names;
  }
}
