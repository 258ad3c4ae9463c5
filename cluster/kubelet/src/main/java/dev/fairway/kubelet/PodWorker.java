// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.Actions.Target;
import dev.fairway.kubelet.PodPlan.Step;
import dev.fairway.kubelet.PodStatuses.Waiting;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.AuthConfig;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Brings one pod to what it should be, and keeps it there, on a virtual thread of its own.
///
/// It looks, plans, takes the steps, reports, and sleeps until told that something changed. Slow
/// things (pulls, graceful stops, probes) run beside it and wake it, so it always answers to the
/// newest wish.
final class PodWorker {
  private static final Logger LOG = LoggerFactory.getLogger(PodWorker.class);
  private static final Duration VOLUME_REFRESH = Duration.ofSeconds(20);
  private static final Duration FIRST_RETRY = Duration.ofMillis(500);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(20);

  // A pod whose object is gone was deleted by force: nobody waits for it any more.
  private static final Duration FORCED_GRACE = Duration.ofSeconds(2);
  private static final long DEFAULT_GRACE_SECONDS = 30;

  private final NodeContext node;
  private final PodRef ref;
  private final PodEvents events;
  private final Semaphore wake = new Semaphore(1);
  private final RuntimeObserver observer;
  private final CrashBackoff backoff = new CrashBackoff();
  private final ContainerStarter starter;
  private final ContainerStopper stopper;
  private final ImagePulls images;
  private final PodProbes probes;
  private final WaitingReasons waiting;
  private final Runnable ended;

  private volatile @Nullable Pod wanted;
  private volatile boolean gone;
  private volatile boolean closed;
  private volatile boolean done;
  private volatile ObservedPod observed = ObservedPod.NOTHING;
  private @Nullable PodStatus last;
  private Duration retry = FIRST_RETRY;
  private Instant volumesDue = Instant.MAX;

  /// @param login credentials for the pod's images
  /// @param ended called once, when nothing is left of a pod that was to go
  PodWorker(NodeContext node, PodRef ref, Supplier<Optional<AuthConfig>> login, Runnable ended) {
    this.node = node;
    this.ref = ref;
    this.ended = ended;
    this.events = new PodEvents(node.events(), ref);
    this.observer =
        new RuntimeObserver(
            node.cri(), ref, new TerminationMessages(node.volumes().podDirectory(ref.uid())));
    this.probes = new PodProbes(node.actions(), events, this::wake);
    this.waiting = new WaitingReasons(ref, events);
    this.starter = new ContainerStarter(node, events);
    this.stopper = new ContainerStopper(node.cri(), node.actions(), events, this::wake);
    this.images = new ImagePulls(node.cri(), events, login, this::wake);
  }

  /// Begins with a first wish: a worker that knew none would take its pod for one to end.
  ///
  /// @param pod as the cluster has it; empty if it does not know the pod
  void start(Optional<Pod> pod) {
    wanted = pod.orElse(null);
    gone = pod.isEmpty();
    Thread.ofVirtual().name("pod-" + ref).start(this::run);
  }

  /// The pod as the cluster has it now.
  void want(Pod pod) {
    wanted = pod;
    wake();
  }

  /// The cluster does not know the pod (any more).
  void forget() {
    gone = true;
    wake();
  }

  void wake() {
    wake.release();
  }

  /// Ends the worker and leaves the pod as it is.
  void close() {
    closed = true;
    wake();
  }

  PodRef ref() {
    return ref;
  }

  /// Nothing of the pod is left here.
  boolean done() {
    return done;
  }

  ObservedPod observed() {
    return observed;
  }

  Optional<Pod> pod() {
    return Optional.ofNullable(wanted);
  }

  @Override
  public String toString() {
    return ref + (done ? " done" : gone ? " unwanted" : "");
  }

  private void run() {
    try {
      boolean more = true;
      Duration pause = Duration.ZERO;
      while (more && !closed) {
        var _ = wake.tryAcquire(Math.max(0, pause.toMillis()), TimeUnit.MILLISECONDS);
        wake.drainPermits();
        try {
          Optional<Duration> next = turn();
          more = next.isPresent();
          pause = next.orElse(Duration.ZERO);
        } catch (CriException | IOException e) {
          if (!closed) {
            LOG.warn("pod {}: {}", ref, e.getMessage());
          }
          pause = nextRetry();
        } catch (RuntimeException e) {
          LOG.warn("pod {}", ref, e);
          pause = nextRetry();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      probes.close();
    }
  }

  /// One look and the steps it asks for.
  ///
  /// @return how long to sleep; empty if nothing is left to do ever
  private Optional<Duration> turn() throws IOException {
    ObservedPod seen = observer.observe();
    observed = seen;
    Instant now = SteadyTime.now();
    boolean stopping = stopping();
    Pod pod = current();
    probes.follow(pod, seen, address(pod, seen), stopping);
    PodPlan plan =
        PodPlan.of(
            new PodPlan.Situation(
                pod, seen, stopping, probes.failed(), probes.started(), backoff::notBefore, now));
    waiting.noteRests(pod, seen, backoff, now);
    if (plan.steps().equals(List.of(new Step.Done()))) {
      return finish(pod, seen);
    }
    boolean acted = false;
    Instant again = plan.again().orElse(Instant.MAX);
    boolean troubled = false;
    for (Step step : plan.steps()) {
      switch (take(step, pod, seen)) {
        case Taken t when t == Taken.ACTED -> acted = true;
        case Taken t when t == Taken.FAILED -> troubled = true;
        default -> {}
      }
      if (troubled && step instanceof Step.RunSandbox) {
        break;
      }
    }
    report(pod, seen, stopping);
    if (troubled) {
      return Optional.of(nextRetry());
    }
    retry = FIRST_RETRY;
    if (acted) {
      return Optional.of(Duration.ZERO);
    }
    again = earlier(again, refreshVolumes(pod, seen, stopping, now));
    Duration sleep =
        again.equals(Instant.MAX) ? Duration.ofMinutes(5) : Duration.between(now, again);
    return Optional.of(sleep.isNegative() ? Duration.ZERO : sleep);
  }

  private enum Taken {
    ACTED,
    WAITS,
    FAILED
  }

  private Taken take(Step step, Pod pod, ObservedPod seen) throws IOException {
    switch (step) {
      case Step.Kill kill -> {
        Optional<Container> spec = RestartRule.find(pod, kill.container().name());
        stopper.stop(kill.container(), spec, grace(pod), address(pod, seen), kill.why());
        return Taken.WAITS;
      }
      case Step.StopSandbox stop -> node.cri().stopSandbox(stop.id());
      case Step.RemoveSandbox remove -> node.cri().removeSandbox(remove.id());
      case Step.RemoveContainer remove -> node.cri().removeContainer(remove.id());
      case Step.RunSandbox run -> {
        return runSandbox(pod, run);
      }
      case Step.Start start -> {
        return startContainer(pod, start, seen);
      }
      case Step.Done _ -> {}
    }
    return Taken.ACTED;
  }

  private Taken runSandbox(Pod pod, Step.RunSandbox step) throws IOException {
    try {
      var _ = starter.runSandbox(pod, step.attempt());
      return Taken.ACTED;
    } catch (NotReadyException e) {
      events.pod("Warning", "FailedMount", e.text());
    } catch (CriException e) {
      LOG.warn("pod {}: {}", ref, e.getMessage());
      events.pod(
          "Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: " + e.reason());
    }
    return Taken.FAILED;
  }

  private Taken startContainer(Pod pod, Step.Start step, ObservedPod seen) throws IOException {
    Container container = step.container();
    switch (images.standing(container, step.restarts(), SteadyTime.now())) {
      case ImagePulls.Standing.Pulling _ -> {
        return Taken.WAITS;
      }
      case ImagePulls.Standing.Failed failed -> {
        waiting.put(container, failed.why());
        return Taken.FAILED;
      }
      case ImagePulls.Standing.Present _ -> {}
    }
    boolean again = seen.latestIn(step.sandbox(), container.getName()).isPresent();
    try {
      String id = starter.start(pod, container, step.sandbox(), step.restarts());
      if (again) {
        backoff.restarted(container.getName());
      }
      waiting.remove(container);
      postStart(pod, container, id, step.sandbox());
      return Taken.ACTED;
    } catch (NotReadyException e) {
      if (again) {
        backoff.restarted(container.getName());
      }
      if (e.reason().equals("FailedMount")) {
        events.pod("Warning", "FailedMount", e.text());
      } else {
        events.container(container, "Warning", "Failed", "Error: " + e.text());
        waiting.put(container, new Waiting(e.reason(), e.text()));
      }
      return Taken.FAILED;
    }
  }

  private void postStart(Pod pod, Container container, String id, ObservedPod.Sandbox sandbox) {
    if (container.getLifecycle() == null || container.getLifecycle().getPostStart() == null) {
      return;
    }
    String address =
        SandboxSpec.hostNetwork(pod) || sandbox.addresses().isEmpty()
            ? node.config().nodeIp()
            : sandbox.addresses().getFirst();
    try {
      Actions.Outcome outcome =
          node.actions()
              .hook(
                  container.getLifecycle().getPostStart(),
                  new Target(container, id, address),
                  Duration.ofMinutes(1));
      if (!outcome.success()) {
        events.container(
            container,
            "Warning",
            "FailedPostStartHook",
            "PostStartHook failed: " + outcome.output());
        node.cri().stopContainer(id, grace(pod));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean stopping() {
    Pod pod = wanted;
    return gone || pod == null || pod.getMetadata().getDeletionTimestamp() != null;
  }

  /// The pod with the status last told; of an unknown one, just what its labels say.
  private Pod current() {
    Pod pod = wanted;
    if (pod == null) {
      return new PodBuilder()
          .withNewMetadata()
          .withNamespace(ref.namespace())
          .withName(ref.name())
          .withUid(ref.uid())
          .endMetadata()
          .withNewSpec()
          .endSpec()
          .build();
    }
    PodStatus told = last;
    return told == null ? pod : new PodBuilder(pod).withStatus(merged(pod, told)).build();
  }

  /// Our own words are newer than what the cluster returned; the conditions of others are not ours.
  private static PodStatus merged(Pod pod, PodStatus told) {
    PodStatus status = new PodStatusBuilder(told).build();
    if (pod.getStatus() != null) {
      List<PodCondition> all = new ArrayList<>(told.getConditions());
      pod.getStatus().getConditions().stream()
          .filter(condition -> !PodStatuses.OWN_CONDITIONS.contains(condition.getType()))
          .forEach(condition -> {
            all.removeIf(old -> old.getType().equals(condition.getType()));
            all.add(condition);
          });
      status.setConditions(all);
    }
    return status;
  }

  private void report(Pod pod, ObservedPod seen, boolean stopping) {
    if (wanted == null || gone) {
      return;
    }
    PodStatus status = status(pod, seen, stopping);
    if (!status.equals(last)) {
      last = status;
      node.statuses().report(ref, status);
    }
  }

  private PodStatus status(Pod pod, ObservedPod seen, boolean stopping) {
    return PodStatuses.of(
        pod,
        seen,
        new PodStatuses.Outlook(
            waiting.all(),
            probes.ready(),
            probes.started(),
            node.config().nodeIps(),
            stopping,
            Instant.now()));
  }

  private Optional<Duration> finish(Pod pod, ObservedPod seen) throws IOException {
    node.volumes().remove(ref.uid());
    AtomicDirectory.delete(node.config().logsDirectory().resolve(ref.logDirectoryName()));
    PodCgroup.remove(SandboxSpec.cgroup(node.config(), ref));
    if (wanted != null && !gone) {
      node.statuses().gone(ref, status(pod, seen, true));
    }
    done = true;
    ended.run();
    return Optional.empty();
  }

  private Instant refreshVolumes(Pod pod, ObservedPod seen, boolean stopping, Instant now) {
    boolean refreshes =
        !stopping
            && !PodPlan.ended(pod)
            && seen.readySandbox().isPresent()
            && pod.getSpec().getVolumes() != null
            && pod.getSpec().getVolumes().stream()
                .anyMatch(volume -> !VolumeContents.plugin(volume).isEmpty());
    if (!refreshes) {
      volumesDue = Instant.MAX;
      return Instant.MAX;
    }
    if (volumesDue.equals(Instant.MAX)) {
      volumesDue = now.plus(VOLUME_REFRESH);
    } else if (!now.isBefore(volumesDue)) {
      volumesDue = now.plus(VOLUME_REFRESH);
      try {
        var _ = node.volumes().prepare(starter.fields(pod, seen.readySandbox().get().addresses()));
      } catch (NotReadyException e) {
        events.pod("Warning", "FailedMount", e.text());
      } catch (RuntimeException e) {
        // The API server is away; the files stay as they are.
        LOG.debug("pod {}: volumes not refreshed: {}", ref, e.getMessage());
      }
    }
    return volumesDue;
  }

  private Duration grace(Pod pod) {
    Long asked = pod.getMetadata().getDeletionGracePeriodSeconds();
    Long usual = pod.getSpec().getTerminationGracePeriodSeconds();
    long seconds = asked != null ? asked : usual != null ? usual : DEFAULT_GRACE_SECONDS;
    Duration grace = Duration.ofSeconds(Math.max(0, seconds));
    boolean forced = gone && wanted != null && grace.compareTo(FORCED_GRACE) > 0;
    return forced ? FORCED_GRACE : grace;
  }

  private String address(Pod pod, ObservedPod seen) {
    return SandboxSpec.hostNetwork(pod)
        ? node.config().nodeIp()
        : seen.readySandbox()
            .filter(sandbox -> !sandbox.addresses().isEmpty())
            .map(sandbox -> sandbox.addresses().getFirst())
            .orElse(node.config().nodeIp());
  }

  private Duration nextRetry() {
    Duration now = retry;
    Duration twice = retry.multipliedBy(2);
    retry = twice.compareTo(LONGEST_RETRY) > 0 ? LONGEST_RETRY : twice;
    return now;
  }

  private static Instant earlier(Instant a, Instant b) {
    return a.isBefore(b) ? a : b;
  }
}
