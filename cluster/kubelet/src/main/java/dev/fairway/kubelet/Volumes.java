// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.v1.Mount;
import dev.fairway.kubelet.cri.v1.MountPropagation;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.HostPathVolumeSource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSecurityContext;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/// The volumes of pods as directories of this machine, below `pods/UID/volumes`.
///
/// [#prepare] brings a pod's volumes to their wanted content, from whatever is there; calling it
/// again picks up changed ConfigMaps, Secrets and tokens.
final class Volumes {
  private final KubeletConfig config;
  private final VolumeContents contents;
  private final MemoryVolumes memory;

  Volumes(KubeletConfig config, ClusterObjects objects, MemoryVolumes memory) {
    this.config = config;
    this.contents = new VolumeContents(objects);
    this.memory = memory;
  }

  /// A volume's place on this machine.
  ///
  /// @param readOnly whether we alone write it; what a pod could write there, we could not trust
  record Place(Path path, boolean readOnly) {}

  Path podDirectory(String uid) {
    return config.podsDirectory().resolve(uid);
  }

  /// @return the place of each volume by its name
  /// @throws NotReadyException if something a volume is made from is missing
  Map<String, Place> prepare(PodFields fields) throws NotReadyException {
    Pod pod = fields.pod();
    Map<String, Place> places = new LinkedHashMap<>();
    if (pod.getSpec().getVolumes() == null) {
      return places;
    }
    for (Volume volume : pod.getSpec().getVolumes()) {
      try {
        boolean readOnly = !VolumeContents.plugin(volume).isEmpty();
        places.put(volume.getName(), new Place(prepare(volume, fields), readOnly));
      } catch (IOException | IllegalArgumentException e) {
        throw failed(volume, e.toString());
      }
    }
    return places;
  }

  /// Where a container sees which volume.
  List<Mount> mounts(Container container, Map<String, Place> volumes, Map<String, String> variables)
      throws NotReadyException {
    List<Mount> mounts = new ArrayList<>();
    if (container.getVolumeMounts() == null) {
      return mounts;
    }
    for (VolumeMount mount : container.getVolumeMounts()) {
      Place volume = volumes.get(mount.getName());
      if (volume == null) {
        throw new NotReadyException(
            "CreateContainerConfigError",
            "volumeMounts names the volume \""
                + mount.getName()
                + "\", which the pod does not have");
      }
      Path source = inside(volume.path(), mount, variables);
      if (volume.readOnly() && source.equals(volume.path())) {
        makeMountPoints(container, mount, source);
      }
      mounts.add(
          Mount.newBuilder()
              .setContainerPath(absolute(mount.getMountPath()))
              .setHostPath(source.toString())
              .setReadonly(volume.readOnly() || Boolean.TRUE.equals(mount.getReadOnly()))
              .setPropagation(propagation(mount))
              .build());
    }
    return mounts;
  }

  /// Takes a pod's directory away, with its volumes. Host paths are not in it.
  ///
  /// @throws IOException if something is still mounted in it: deleting would go on over there
  void remove(String uid) throws IOException {
    Path directory = podDirectory(uid);
    if (Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      MemoryVolumes.unmountUnder(directory);
    }
    AtomicDirectory.delete(directory);
    contents.forget(uid);
  }

  private Path prepare(Volume volume, PodFields fields) throws IOException, NotReadyException {
    Pod pod = fields.pod();
    if (volume.getHostPath() != null) {
      return hostPath(volume, volume.getHostPath());
    }
    if (volume.getEmptyDir() != null) {
      return emptyDir(pod, volume);
    }
    String plugin = VolumeContents.plugin(volume);
    if (plugin.isEmpty()) {
      throw failed(volume, "this kind of volume is not supported by this node");
    }
    Path path = directory(pod, plugin, volume);
    AtomicDirectory.write(path, contents.of(volume, fields), group(pod));
    return path;
  }

  /// Its owner and mode are set once, before the pod can see it: from then on they are the pod's to
  /// change.
  private Path emptyDir(Pod pod, Volume volume) throws IOException {
    Path path = directory(pod, "empty-dir", volume);
    if ("Memory".equals(volume.getEmptyDir().getMedium())) {
      var limit = volume.getEmptyDir().getSizeLimit();
      memory.mount(path, limit == null ? 0 : Qos.bytes(limit), group(pod));
    } else if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      // No volume's name begins with a dot.
      Path fresh = path.resolveSibling("." + volume.getName());
      Files.createDirectories(fresh);
      share(pod, fresh);
      Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
    }
    return path;
  }

  /// The pod's `fsGroup`.
  private static OptionalInt group(Pod pod) {
    PodSecurityContext context = pod.getSpec().getSecurityContext();
    return context == null || context.getFsGroup() == null
        ? OptionalInt.empty()
        : OptionalInt.of(context.getFsGroup().intValue());
  }

  /// Everyone in the pod may write; with `fsGroup`, new files belong to that group.
  private static void share(Pod pod, Path path) throws IOException {
    OptionalInt group = group(pod);
    if (group.isPresent()) {
      Files.setAttribute(path, "unix:gid", group.getAsInt(), LinkOption.NOFOLLOW_LINKS);
    }
    Files.setAttribute(
        path, "unix:mode", group.isPresent() ? 02777 : 0777, LinkOption.NOFOLLOW_LINKS);
  }

  private Path directory(Pod pod, String plugin, Volume volume) {
    return podDirectory(pod.getMetadata().getUid())
        .resolve("volumes/kubernetes.io~" + plugin)
        .resolve(volume.getName());
  }

  private static Path hostPath(Volume volume, HostPathVolumeSource source)
      throws IOException, NotReadyException {
    Path path = Path.of(source.getPath());
    String type = source.getType() == null ? "" : source.getType();
    boolean fine =
        switch (type) {
          case "" -> true;
          case "DirectoryOrCreate" -> {
            Files.createDirectories(path);
            yield true;
          }
          case "FileOrCreate" -> {
            if (!Files.exists(path)) {
              Files.createFile(path);
            }
            yield Files.isRegularFile(path);
          }
          case "Directory" -> Files.isDirectory(path);
          case "File" -> Files.isRegularFile(path);
          default -> Files.exists(path);
        };
    if (!fine) {
      throw failed(volume, "hostPath type check failed: " + path + " is not a " + type);
    }
    if (!Files.exists(path)) {
      Files.createDirectories(path);
    }
    return path;
  }

  /// A part of a volume, or all of it.
  private static Path inside(Path volume, VolumeMount mount, Map<String, String> variables)
      throws NotReadyException {
    String sub = mount.getSubPath();
    if (mount.getSubPathExpr() != null && !mount.getSubPathExpr().isEmpty()) {
      sub = Expansion.of(mount.getSubPathExpr(), variables);
    }
    if (sub == null || sub.isEmpty()) {
      return volume;
    }
    try {
      return SubPath.of(volume, Path.of(sub));
    } catch (IOException | InvalidPathException e) {
      throw new NotReadyException(
          "CreateContainerConfigError",
          "subPath '" + sub + "' of the volume \"" + mount.getName() + "\": " + e.getMessage());
    }
  }

  /// The runtime cannot make places for further mounts inside a volume that is mounted read-only.
  private static void makeMountPoints(Container container, VolumeMount mount, Path volume)
      throws NotReadyException {
    Path top = Path.of(absolute(mount.getMountPath())).normalize();
    for (VolumeMount other : container.getVolumeMounts()) {
      Path below = Path.of(absolute(other.getMountPath())).normalize();
      if (!below.startsWith(top) || below.equals(top)) {
        continue;
      }
      try {
        var _ = SubPath.of(volume, top.relativize(below));
      } catch (IOException e) {
        throw new NotReadyException(
            "CreateContainerConfigError",
            "mountPath " + below + " in the volume \"" + mount.getName() + "\": " + e.getMessage());
      }
    }
  }

  private static MountPropagation propagation(VolumeMount mount) {
    String mode = mount.getMountPropagation() == null ? "None" : mount.getMountPropagation();
    return switch (mode) {
      case "HostToContainer" -> MountPropagation.PROPAGATION_HOST_TO_CONTAINER;
      case "Bidirectional" -> MountPropagation.PROPAGATION_BIDIRECTIONAL;
      default -> MountPropagation.PROPAGATION_PRIVATE;
    };
  }

  private static String absolute(String path) {
    return path.startsWith("/") ? path : "/" + path;
  }

  private static NotReadyException failed(Volume volume, String why) {
    return new NotReadyException(
        "FailedMount", "MountVolume.SetUp failed for volume \"" + volume.getName() + "\" : " + why);
  }
}
