// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import dev.fairway.net.IpAddress;
import dev.fairway.podnet.guard.Guard.Exemption;
import dev.fairway.reconcile.ClusterFollower;
import dev.fairway.reconcile.ClusterImage;
import dev.fairway.reconcile.Delta;
import dev.fairway.reconcile.Selection;
import dev.fairway.reconcile.Subscriber;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ListOptions;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodIP;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows which pods of a node may send by addresses that are not theirs.
///
/// A pod may if it says so by the annotation `podnet.fairway.dev/allow-spoofing: "true"`, and its
/// namespace says so by the same: who may make pods is not always who may decide this. It counts
/// from when the API server knows the pod's addresses, and past the agent's end: the next one
/// begins with what was known last, until the API server answers.
///
/// Where the agent has no right to read pods and namespaces, it says so once, and no pod may until
/// it has: it asks again every minute.
public final class SpoofingPermits implements Subscriber, AutoCloseable {
  /// On the pod, and on its namespace.
  public static final String ANNOTATION = "podnet.fairway.dev/allow-spoofing";

  private static final Logger LOG = LoggerFactory.getLogger(SpoofingPermits.class);

  private static final Duration ASK_AGAIN = Duration.ofMinutes(1);
  private static final int FORBIDDEN = 403;

  private final KubernetesClient client;
  private final String node;
  private final Guard guard;
  private final Path file;
  private final Duration askAgain;
  private final Consumer<String> log;
  private final Thread asking;
  private @Nullable ClusterFollower follower; // guarded by this
  private boolean closed; // guarded by this
  private final Set<String> told = new HashSet<>(); // by the follower's thread only

  /// What is permitted, and what was asked for and is not.
  record Permits(Map<IpAddress, Exemption> exemptions, List<String> refusals) {}

  /// Follows the pods of a node, as soon as the API server lets it.
  ///
  /// @param file where the permits are kept for [#kept]
  public SpoofingPermits(KubernetesClient client, String node, Guard guard, Path file) {
    this(client, node, guard, file, ASK_AGAIN, LOG::warn);
  }

  /// What was known last.
  public static Map<IpAddress, Exemption> kept(Path file) {
    return KeptPermits.read(file);
  }

  SpoofingPermits(
      KubernetesClient client,
      String node,
      Guard guard,
      Path file,
      Duration askAgain,
      Consumer<String> log) {
    this.client = client;
    this.node = node;
    this.guard = guard;
    this.file = file;
    this.askAgain = askAgain;
    this.log = log;
    asking = Thread.ofVirtual().name("spoofing-permits").start(this::begin);
  }

  private void begin() {
    Set<String> failed = new HashSet<>();
    try {
      while (!isClosed()) {
        try {
          ListOptions one = new ListOptionsBuilder().withLimit(1L).build();
          client.namespaces().list(one);
          client.pods().inAnyNamespace().withField("spec.nodeName", node).list(one);
          follow();
          return;
        } catch (KubernetesClientException e) {
          String failure = failure(e);
          if (!isClosed() && failed.add(failure)) {
            log.accept("Annotation " + ANNOTATION + " does not count yet: " + failure);
          }
          Thread.sleep(askAgain);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed meanwhile
    }
  }

  /// Which kind of failure it is, so the same twice for what is told once.
  private static String failure(KubernetesClientException e) {
    if (e.getCode() == FORBIDDEN) {
      return "the agent may not list pods and namespaces";
    }
    if (e.getCode() != 0) {
      return "the API server answers " + e.getCode() + " to the lists of pods and namespaces";
    }
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return "the API server cannot be asked: " + cause.getClass().getSimpleName();
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  private synchronized void follow() {
    if (!closed) {
      follower =
          ClusterFollower.of(client)
              .follow(Pod.class, Selection.ofField("spec.nodeName", node))
              .follow(Namespace.class)
              .subscribe("spoofing-permits", this)
              .start();
    }
  }

  @Override
  public void changed(Delta delta, ClusterImage image) {
    Permits permits = of(image.all(Pod.class), image.all(Namespace.class));
    guard.exempt(permits.exemptions);
    if (!permits.exemptions.equals(KeptPermits.read(file))) {
      KeptPermits.write(file, permits.exemptions);
    }
    told.retainAll(permits.refusals);
    for (String refusal : permits.refusals) {
      if (told.add(refusal)) {
        log.accept("Pod network: " + refusal);
      }
    }
  }

  static Permits of(Collection<Pod> pods, Collection<Namespace> namespaces) {
    Set<String> permitting = new HashSet<>();
    for (Namespace namespace : namespaces) {
      if (asks(namespace).equals(Optional.of("true"))) {
        permitting.add(namespace.getMetadata().getName());
      }
    }
    Map<IpAddress, Exemption> exemptions = new HashMap<>();
    List<String> refusals = new ArrayList<>();
    for (Pod pod : pods) {
      String wish = asks(pod).orElse("false");
      String name = pod.getMetadata().getNamespace() + "/" + pod.getMetadata().getName();
      if (wish.equals("false")) {
        continue;
      }
      if (!wish.equals("true")) {
        refusals.add(
            "pod " + name + ": annotation " + ANNOTATION + " must be \"true\" or \"false\"");
      } else if (!permitting.contains(pod.getMetadata().getNamespace())) {
        refusals.add(
            "pod "
                + name
                + ": annotation "
                + ANNOTATION
                + " counts only if its namespace has it, too: kubectl annotate namespace "
                + pod.getMetadata().getNamespace()
                + " "
                + ANNOTATION
                + "=true");
      } else {
        addresses(pod).forEach(ip -> exemptions.put(ip, new Exemption(true, List.of(), name)));
      }
    }
    return new Permits(exemptions, refusals);
  }

  /// None of a pod that has the node's network, or has ended: somebody else may have its addresses.
  private static List<IpAddress> addresses(Pod pod) {
    if (Boolean.TRUE.equals(pod.getSpec().getHostNetwork())
        || pod.getStatus() == null
        || "Succeeded".equals(pod.getStatus().getPhase())
        || "Failed".equals(pod.getStatus().getPhase())) {
      return List.of();
    }
    List<IpAddress> addresses = new ArrayList<>();
    for (PodIP ip : pod.getStatus().getPodIPs()) {
      try {
        addresses.add(IpAddress.parse(ip.getIp()));
      } catch (IllegalArgumentException e) {
        LOG.debug("pod {}: {}", pod.getMetadata().getName(), e.toString());
      }
    }
    return addresses;
  }

  private static Optional<String> asks(HasMetadata object) {
    Map<String, String> annotations = object.getMetadata().getAnnotations();
    return annotations == null
        ? Optional.empty()
        : Optional.ofNullable(annotations.get(ANNOTATION));
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      if (follower != null) {
        follower.close();
      }
    }
    asking.interrupt();
  }
}
