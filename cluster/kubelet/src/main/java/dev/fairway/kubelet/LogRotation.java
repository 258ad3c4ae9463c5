// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps the logs of running containers from filling the disk: a log over its limit is moved aside,
/// the runtime begins a new file, and of those moved aside only the newest few stay.
final class LogRotation implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LogRotation.class);
  private static final Duration EVERY = Duration.ofSeconds(10);
  static final long MAX_BYTES = 10L << 20;
  private static final int KEPT = 4;
  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss-SSS").withZone(ZoneOffset.UTC);

  private final KubeletConfig config;
  private final Cri cri;
  private final Pods pods;
  private final long maxBytes;
  private final Thread thread;

  LogRotation(KubeletConfig config, Cri cri, Pods pods, long maxBytes) {
    this.config = config;
    this.cri = cri;
    this.pods = pods;
    this.maxBytes = maxBytes;
    this.thread = Thread.ofVirtual().name("log-rotation").unstarted(this::loop);
  }

  void start() {
    thread.start();
  }

  @Override
  public void close() {
    thread.interrupt();
  }

  private void loop() {
    try {
      while (true) {
        Thread.sleep(EVERY);
        rotate();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  void rotate() {
    for (PodWorker worker : pods.all()) {
      Path directory = config.logsDirectory().resolve(worker.ref().logDirectoryName());
      for (ObservedPod.Container run : worker.observed().containers()) {
        if (run.running()) {
          Path file = directory.resolve(ContainerSpec.logPath(run.name(), run.restarts()));
          try {
            rotate(run, file);
          } catch (IOException | CriException e) {
            LOG.warn("log {} not rotated: {}", file, e.getMessage());
          }
        }
      }
    }
  }

  private void rotate(ObservedPod.Container run, Path file) throws IOException {
    try {
      if (Files.size(file) <= maxBytes) {
        return;
      }
    } catch (NoSuchFileException e) {
      return;
    }
    Path aside = file.resolveSibling(file.getFileName() + "." + STAMP.format(Instant.now()));
    Files.move(file, aside);
    try {
      cri.reopenLog(run.id());
    } catch (CriException e) {
      // The runtime still writes to the old file: give it its name back.
      Files.move(aside, file);
      throw e;
    }
    List<Path> old = new ArrayList<>();
    try (DirectoryStream<Path> rotated =
        Files.newDirectoryStream(file.getParent(), file.getFileName() + ".*")) {
      rotated.forEach(old::add);
    }
    Collections.sort(old);
    for (Path surplus : old.subList(0, Math.max(0, old.size() - KEPT))) {
      Files.deleteIfExists(surplus);
    }
  }
}
