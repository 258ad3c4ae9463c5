// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.AuthConfig;
import dev.fairway.linux.KernelException;
import io.fabric8.kubernetes.api.model.Pod;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Every pod of the node: one worker for each that should run here or still does.
///
/// A listing of the whole runtime each second, and at once when containerd tells that a task
/// started or ended, wakes the workers whose pods changed and finds pods that nobody wants.
final class Pods implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Pods.class);
  private static final Duration RELIST = Duration.ofSeconds(1);

  // CRI handles the same event as we do, so its answer may be a moment older than the news.
  private static final long[] SETTLE_MILLIS = {5, 40, 150};

  private final NodeContext node;
  private final Function<Pod, Optional<AuthConfig>> login;
  private final Map<String, PodWorker> workers = new ConcurrentHashMap<>();
  private final Set<String> wanted = ConcurrentHashMap.newKeySet();
  private final Semaphore news = new Semaphore(0);
  private final Map<String, Integer> seen = new HashMap<>();
  private volatile boolean known;
  private volatile boolean closed;
  private final Thread lister;
  private final Thread feed;

  Pods(NodeContext node, Function<Pod, Optional<AuthConfig>> login) {
    this.node = node;
    this.login = login;
    this.lister = Thread.ofVirtual().name("runtime-list").unstarted(this::listForEver);
    this.feed = Thread.ofVirtual().name("runtime-events").unstarted(this::followEvents);
  }

  void start() {
    lister.start();
    feed.start();
  }

  /// Sets which pods this node should run.
  void set(Collection<Pod> pods) {
    Set<String> uids = new HashSet<>();
    for (Pod pod : pods) {
      PodRef ref = PodRef.of(pod);
      uids.add(ref.uid());
      wanted.add(ref.uid());
      workers.computeIfAbsent(ref.uid(), _ -> worker(ref, Optional.of(pod))).want(pod);
    }
    wanted.retainAll(uids);
    workers.forEach((uid, worker) -> {
      if (!uids.contains(uid)) {
        worker.forget();
        if (worker.done()) {
          workers.remove(uid);
        }
      }
    });
    if (!known) {
      known = true;
      removeOrphanDirectories();
      news.release();
    }
  }

  Optional<PodWorker> find(String namespace, String name) {
    return workers.values().stream()
        .filter(worker ->
            worker
                .pod()
                .filter(pod ->
                    pod.getMetadata().getNamespace().equals(namespace)
                        && pod.getMetadata().getName().equals(name))
                .isPresent())
        .findFirst();
  }

  Collection<PodWorker> all() {
    return workers.values();
  }

  @Override
  public void close() {
    closed = true;
    lister.interrupt();
    feed.interrupt();
    workers.values().forEach(PodWorker::close);
  }

  /// @param pod as the cluster has it; empty if it does not know the pod
  private PodWorker worker(PodRef ref, Optional<Pod> pod) {
    PodWorker worker =
        new PodWorker(
            node,
            ref,
            () -> find(ref.namespace(), ref.name()).flatMap(PodWorker::pod).flatMap(login),
            () -> ended(ref.uid()));
    worker.start(pod);
    return worker;
  }

  /// A pod that the cluster still lists keeps its idle worker, so that it is not begun anew.
  private void ended(String uid) {
    if (!wanted.contains(uid)) {
      workers.remove(uid);
    }
  }

  private void listForEver() {
    try {
      while (!closed) {
        boolean told = news.tryAcquire(RELIST.toMillis(), TimeUnit.MILLISECONDS);
        news.drainPermits();
        try {
          if (told) {
            for (long millis : SETTLE_MILLIS) {
              Thread.sleep(millis);
              list();
            }
          } else {
            list();
          }
        } catch (CriException e) {
          LOG.debug("runtime not listed: {}", e.getMessage());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void list() {
    Map<String, Integer> now = new HashMap<>();
    Map<String, PodRef> refs = new HashMap<>();
    for (var sandbox : node.cri().sandboxes(Map.of())) {
      PodRef ref = PodRef.ofLabels(sandbox.getLabelsMap());
      refs.put(ref.uid(), ref);
      now.merge(ref.uid(), Objects.hash(sandbox.getId(), sandbox.getState()), Integer::sum);
    }
    for (var container : node.cri().containers(Map.of())) {
      PodRef ref = PodRef.ofLabels(container.getLabelsMap());
      refs.put(ref.uid(), ref);
      now.merge(ref.uid(), Objects.hash(container.getId(), container.getState()), Integer::sum);
    }
    refs.remove("");
    Set<String> uids = new HashSet<>(refs.keySet());
    uids.addAll(seen.keySet());
    for (String uid : uids) {
      PodWorker worker = workers.get(uid);
      if (worker == null && known && refs.containsKey(uid) && !wanted.contains(uid)) {
        LOG.info("pod {} is not wanted here any more; stopping it", refs.get(uid));
        var _ = workers.computeIfAbsent(uid, _ -> worker(refs.get(uid), Optional.empty()));
      } else if (worker != null && !Objects.equals(seen.get(uid), now.get(uid))) {
        worker.wake();
      }
    }
    seen.clear();
    seen.putAll(now);
  }

  private void followEvents() {
    try {
      while (!closed) {
        try {
          node.cri().followTasks(_ -> news.release());
        } catch (CriException e) {
          LOG.debug("no events from the runtime: {}", e.getMessage());
        }
        Thread.sleep(RELIST);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Directories of pods that are neither wanted nor known to the runtime.
  private void removeOrphanDirectories() {
    Path pods = node.config().podsDirectory();
    if (!Files.isDirectory(pods)) {
      return;
    }
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(pods)) {
      Set<String> running = new HashSet<>();
      node.cri()
          .sandboxes(Map.of())
          .forEach(sandbox -> running.add(PodRef.ofLabels(sandbox.getLabelsMap()).uid()));
      for (Path directory : directories) {
        String uid = directory.getFileName().toString();
        if (!wanted.contains(uid) && !running.contains(uid)) {
          removeOrphan(uid);
        }
      }
    } catch (IOException | CriException e) {
      LOG.warn("directories of former pods not removed: {}", e.getMessage());
    }
  }

  /// One that cannot be removed must not keep the others.
  private void removeOrphan(String uid) {
    try {
      node.volumes().remove(uid);
    } catch (IOException | KernelException e) {
      LOG.warn("directory of former pod {} not removed: {}", uid, e.getMessage());
    }
  }
}
