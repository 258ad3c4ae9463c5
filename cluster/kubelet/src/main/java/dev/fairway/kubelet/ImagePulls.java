// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.PodStatuses.Waiting;
import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.AuthConfig;
import dev.fairway.kubelet.cri.v1.Image;
import dev.fairway.reconcile.SteadyTime;
import io.fabric8.kubernetes.api.model.Container;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Brings the images of one pod's containers, beside the pod's worker, which asks again when woken.
final class ImagePulls {
  private static final Duration FIRST_REST = Duration.ofSeconds(10);
  private static final Duration LONGEST_REST = Duration.ofMinutes(5);

  private final Cri cri;
  private final PodEvents events;
  private final Supplier<Optional<AuthConfig>> login;
  private final Runnable wake;
  private final Map<String, Pull> pulls = new HashMap<>();

  ImagePulls(Cri cri, PodEvents events, Supplier<Optional<AuthConfig>> login, Runnable wake) {
    this.cri = cri;
    this.events = events;
    this.login = login;
    this.wake = wake;
  }

  /// Where one container's image stands.
  sealed interface Standing {
    record Present() implements Standing {}

    record Pulling() implements Standing {}

    record Failed(Waiting why, Instant retry) implements Standing {}
  }

  private static final class Pull {
    private final String image;
    private final int restarts;
    private Duration rest = FIRST_REST;
    private volatile boolean running;
    private volatile boolean done;
    private volatile @Nullable String problem;
    private volatile Instant retry = Instant.MIN;
    private boolean backedOff;

    Pull(String image, int restarts) {
      this.image = image;
      this.restarts = restarts;
    }
  }

  /// Looks, and begins to pull if that is due. Does not block on a registry.
  ///
  /// @param now by [SteadyTime]
  Standing standing(Container container, int restarts, Instant now) {
    String image = container.getImage();
    Pull pull = pulls.get(container.getName());
    if (pull == null || !pull.image.equals(image) || pull.restarts != restarts) {
      pull = new Pull(image, restarts);
      pulls.put(container.getName(), pull);
    }
    if (pull.done) {
      return new Standing.Present();
    }
    if (pull.running) {
      return new Standing.Pulling();
    }
    String problem = pull.problem;
    if (problem != null && now.isBefore(pull.retry)) {
      return failed(container, pull, problem);
    }
    if (problem == null) {
      Optional<Image> present = cri.image(image);
      if (present.isPresent() && !mustAsk(container, present.get())) {
        events.container(
            container,
            "Normal",
            "Pulled",
            "Container image \"" + image + "\" already present on machine");
        pull.done = true;
        return new Standing.Present();
      }
      if (policy(container).equals("Never")) {
        return new Standing.Failed(
            new Waiting(
                "ErrImageNeverPull",
                "Container image \"" + image + "\" is not present with pull policy of Never"),
            now.plus(FIRST_REST));
      }
    }
    start(container, pull);
    return new Standing.Pulling();
  }

  private Standing failed(Container container, Pull pull, String problem) {
    boolean first = !pull.backedOff;
    pull.backedOff = true;
    if (first) {
      return new Standing.Failed(new Waiting("ErrImagePull", problem), pull.retry);
    }
    String text = "Back-off pulling image \"" + pull.image + "\"";
    events.container(container, "Normal", "BackOff", text);
    return new Standing.Failed(
        new Waiting("ImagePullBackOff", text + ": ErrImagePull: " + problem), pull.retry);
  }

  private void start(Container container, Pull pull) {
    pull.running = true;
    Thread.ofVirtual().name("pull-" + container.getName()).start(() -> pull(container, pull));
  }

  private void pull(Container container, Pull pull) {
    events.container(container, "Normal", "Pulling", "Pulling image \"" + pull.image + "\"");
    long began = System.nanoTime();
    try {
      cri.pull(pull.image, login.get());
      long millis = Duration.ofNanos(System.nanoTime() - began).toMillis();
      events.container(
          container,
          "Normal",
          "Pulled",
          "Successfully pulled image \"" + pull.image + "\" in " + millis + "ms");
      pull.done = true;
    } catch (CriException e) {
      String problem = "Failed to pull image \"" + pull.image + "\": " + e.reason();
      pull.retry = SteadyTime.now().plus(pull.rest);
      pull.rest = pull.rest.multipliedBy(2);
      if (pull.rest.compareTo(LONGEST_REST) > 0) {
        pull.rest = LONGEST_REST;
      }
      pull.problem = problem;
      events.container(container, "Warning", "Failed", problem);
      events.container(container, "Warning", "Failed", "Error: ErrImagePull");
    } finally {
      pull.running = false;
      wake.run();
    }
  }

  /// An image without a registry digest was imported by hand: there is no registry to ask.
  private static boolean mustAsk(Container container, Image present) {
    return policy(container).equals("Always") && present.getRepoDigestsCount() > 0;
  }

  private static String policy(Container container) {
    String policy = container.getImagePullPolicy();
    if (policy != null && !policy.isEmpty()) {
      return policy;
    }
    String image = container.getImage();
    String last = image.substring(image.lastIndexOf('/') + 1);
    boolean latest = !last.contains("@") && (!last.contains(":") || last.endsWith(":latest"));
    return latest ? "Always" : "IfNotPresent";
  }
}
