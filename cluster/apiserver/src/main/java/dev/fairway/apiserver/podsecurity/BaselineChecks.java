// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.podsecurity.Standards.Subject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;

/// `baseline`: no known way to more rights.
final class BaselineChecks {
  private static final String APPARMOR = "container.apparmor.security.beta.kubernetes.io/";
  private static final Set<String> CAPABILITIES =
      Set.of(
          "AUDIT_WRITE",
          "CHOWN",
          "DAC_OVERRIDE",
          "FOWNER",
          "FSETID",
          "KILL",
          "MKNOD",
          "NET_BIND_SERVICE",
          "SETFCAP",
          "SETGID",
          "SETPCAP",
          "SETUID",
          "SYS_CHROOT");
  private static final Set<String> SELINUX_TYPES =
      Set.of("", "container_t", "container_init_t", "container_kvm_t");

  /// A sysctl, and the version from which it is safe.
  private static final Map<String, Integer> SYSCTLS =
      Map.ofEntries(
          Map.entry("kernel.shm_rmid_forced", 0),
          Map.entry("net.ipv4.ip_local_port_range", 0),
          Map.entry("net.ipv4.tcp_syncookies", 0),
          Map.entry("net.ipv4.ping_group_range", 0),
          Map.entry("net.ipv4.ip_unprivileged_port_start", 0),
          Map.entry("net.ipv4.ip_local_reserved_ports", 27),
          Map.entry("net.ipv4.tcp_keepalive_time", 29),
          Map.entry("net.ipv4.tcp_fin_timeout", 29),
          Map.entry("net.ipv4.tcp_keepalive_intvl", 29),
          Map.entry("net.ipv4.tcp_keepalive_probes", 29),
          Map.entry("net.ipv4.tcp_rmem", 32),
          Map.entry("net.ipv4.tcp_wmem", 32));

  private final Subject pod;
  private final List<Violation> found;

  private BaselineChecks(Subject pod, List<Violation> found) {
    this.pod = pod;
    this.found = found;
  }

  /// @param restricted leaves out what `restricted` says in other words
  static void check(Subject pod, boolean restricted, List<Violation> found) {
    BaselineChecks checks = new BaselineChecks(pod, found);
    checks.appArmor();
    if (!restricted || pod.minor() < 22) {
      checks.capabilities();
    }
    checks.hostNamespaces();
    if (!restricted) {
      checks.hostPaths();
    }
    checks.hostPorts();
    if (pod.minor() >= 34) {
      checks.probeHosts();
    }
    checks.privileged();
    checks.procMount();
    checks.seLinux();
    if (!restricted || pod.minor() < 19) {
      checks.seccomp();
    }
    checks.sysctls();
    checks.hostProcess();
  }

  private void add(String reason, String detail) {
    found.add(new Violation(reason, detail));
  }

  private List<String> names(Predicate<JsonNode> bad) {
    List<String> names = new ArrayList<>();
    for (JsonNode container : pod.containers()) {
      if (bad.test(container.path("securityContext"))) {
        names.add(Standards.name(container));
      }
    }
    return names;
  }

  private static String setters(boolean ofPod, List<String> containers) {
    String names = containers.isEmpty() ? "" : Standards.containers(containers);
    return !ofPod ? names : names.isEmpty() ? "pod" : "pod and " + names;
  }

  private void appArmor() {
    Set<String> values = new TreeSet<>();
    Predicate<JsonNode> bad =
        context -> {
          String type = Trees.text(context, "appArmorProfile", "type");
          boolean forbidden =
              !type.isEmpty() && !type.equals("RuntimeDefault") && !type.equals("Localhost");
          if (forbidden) {
            values.add(type);
          }
          return forbidden;
        };
    boolean ofPod = bad.test(pod.context());
    List<String> setters = new ArrayList<>();
    String fields = setters(ofPod, names(bad));
    if (!fields.isEmpty()) {
      setters.add(fields);
    }
    for (Map.Entry<String, JsonNode> note : pod.metadata().path("annotations").properties()) {
      String value = note.getValue().asString();
      if (note.getKey().startsWith(APPARMOR)
          && !value.isEmpty()
          && !value.equals("runtime/default")
          && !value.startsWith("localhost/")) {
        setters.add("annotation \"" + note.getKey() + "\"");
        values.add(value);
      }
    }
    if (!setters.isEmpty()) {
      add(
          values.size() == 1 ? "forbidden AppArmor profile" : "forbidden AppArmor profiles",
          String.join(" and ", setters)
              + " must not set AppArmor profile type to "
              + Standards.quoted(values));
    }
  }

  private void capabilities() {
    Set<String> added = new TreeSet<>();
    List<String> names =
        names(context -> {
          boolean bad = false;
          for (JsonNode capability : Trees.items(context, "capabilities", "add")) {
            if (!CAPABILITIES.contains(capability.asString())) {
              added.add(capability.asString());
              bad = true;
            }
          }
          return bad;
        });
    if (!names.isEmpty()) {
      add(
          "non-default capabilities",
          Standards.containers(names)
              + " must not include "
              + Standards.quoted(added)
              + " in securityContext.capabilities.add");
    }
  }

  private void hostNamespaces() {
    List<String> shared = new ArrayList<>();
    for (String field : List.of("hostNetwork", "hostPID", "hostIPC")) {
      if (Trees.flag(pod.spec(), field)) {
        shared.add(field + "=true");
      }
    }
    if (!shared.isEmpty()) {
      add("host namespaces", String.join(", ", shared));
    }
  }

  private void hostPaths() {
    List<String> volumes = new ArrayList<>();
    for (JsonNode volume : Trees.items(pod.spec(), "volumes")) {
      if (Standards.has(volume, "hostPath")) {
        volumes.add(Standards.name(volume));
      }
    }
    if (!volumes.isEmpty()) {
      add(
          "hostPath volumes",
          (volumes.size() == 1 ? "volume " : "volumes ") + Standards.quoted(volumes));
    }
  }

  private void hostPorts() {
    List<String> names = new ArrayList<>();
    Set<Long> ports = new TreeSet<>();
    for (JsonNode container : pod.containers()) {
      boolean uses = false;
      for (JsonNode port : Trees.items(container, "ports")) {
        long number = Trees.number(port, 0, "hostPort");
        if (number != 0) {
          ports.add(number);
          uses = true;
        }
      }
      if (uses) {
        names.add(Standards.name(container));
      }
    }
    if (!names.isEmpty()) {
      List<String> numbers = ports.stream().map(String::valueOf).toList();
      add(
          "hostPort",
          Standards.containers(names)
              + (names.size() == 1 ? " uses " : " use ")
              + (numbers.size() == 1 ? "hostPort " : "hostPorts ")
              + String.join(", ", numbers));
    }
  }

  private void probeHosts() {
    Set<String> names = new TreeSet<>();
    Set<String> hosts = new TreeSet<>();
    for (JsonNode container : pod.containers()) {
      JsonNode lifecycle = container.path("lifecycle");
      for (JsonNode handler :
          List.of(
              container.path("livenessProbe"),
              container.path("readinessProbe"),
              container.path("startupProbe"),
              lifecycle.path("postStart"),
              lifecycle.path("preStop"))) {
        for (String kind : List.of("httpGet", "tcpSocket")) {
          String host = Trees.text(handler, kind, "host");
          if (!host.isEmpty()) {
            names.add(Standards.name(container));
            hosts.add(host);
          }
        }
      }
    }
    if (!names.isEmpty()) {
      add(
          "probe or lifecycle host",
          Standards.containers(List.copyOf(names))
              + (names.size() == 1 ? " uses " : " use ")
              + (hosts.size() == 1 ? "probe or lifecycle host " : "probe or lifecycle hosts ")
              + Standards.quoted(hosts));
    }
  }

  private void privileged() {
    List<String> names = names(context -> Trees.flag(context, "privileged"));
    if (!names.isEmpty()) {
      add(
          "privileged",
          Standards.containers(names) + " must not set securityContext.privileged=true");
    }
  }

  private void procMount() {
    if (pod.hasOwnUsers()) {
      return;
    }
    Set<String> values = new TreeSet<>();
    List<String> names =
        names(context -> {
          String mount = Trees.text(context, "procMount");
          boolean bad = !mount.isEmpty() && !mount.equals("Default");
          if (bad) {
            values.add(mount);
          }
          return bad;
        });
    if (!names.isEmpty()) {
      add(
          "procMount",
          Standards.containers(names)
              + " must not set securityContext.procMount to "
              + Standards.quoted(values));
    }
  }

  private void seLinux() {
    Set<String> types = new TreeSet<>();
    Set<String> others = new TreeSet<>();
    Predicate<JsonNode> bad =
        context -> {
          JsonNode options = context.path("seLinuxOptions");
          String type = Trees.text(options, "type");
          boolean wrong =
              !SELINUX_TYPES.contains(type)
                  && !(pod.minor() >= 31 && type.equals("container_engine_t"));
          if (wrong) {
            types.add(type);
          }
          for (String field : List.of("user", "role")) {
            if (!Trees.text(options, field).isEmpty()) {
              others.add(field);
              wrong = true;
            }
          }
          return wrong;
        };
    boolean ofPod = bad.test(pod.context());
    String setters = setters(ofPod, names(bad));
    if (!setters.isEmpty()) {
      List<String> what = new ArrayList<>();
      if (!types.isEmpty()) {
        what.add((types.size() == 1 ? "type " : "types ") + Standards.quoted(types));
      }
      for (String field : List.of("user", "role")) {
        if (others.contains(field)) {
          what.add(field + " may not be set");
        }
      }
      add(
          "seLinuxOptions",
          setters + " set forbidden securityContext.seLinuxOptions: " + String.join("; ", what));
    }
  }

  private void seccomp() {
    if (pod.minor() < 19) {
      return;
    }
    Set<String> values = new TreeSet<>();
    Predicate<JsonNode> bad =
        context -> {
          String type = Trees.text(context, "seccompProfile", "type");
          boolean forbidden =
              !type.isEmpty() && !type.equals("RuntimeDefault") && !type.equals("Localhost");
          if (forbidden) {
            values.add(type);
          }
          return forbidden;
        };
    boolean ofPod = bad.test(pod.context());
    String setters = setters(ofPod, names(bad));
    if (!setters.isEmpty()) {
      add(
          "seccompProfile",
          setters
              + " must not set securityContext.seccompProfile.type to "
              + Standards.quoted(values));
    }
  }

  private void sysctls() {
    List<String> forbidden = new ArrayList<>();
    for (JsonNode sysctl : Trees.items(pod.context(), "sysctls")) {
      String name = Standards.name(sysctl);
      if (SYSCTLS.getOrDefault(name, Integer.MAX_VALUE) > Math.min(pod.minor(), 9999)) {
        forbidden.add(name);
      }
    }
    if (!forbidden.isEmpty()) {
      add("forbidden sysctls", String.join(", ", forbidden));
    }
  }

  private void hostProcess() {
    Predicate<JsonNode> bad = context -> Trees.flag(context, "windowsOptions", "hostProcess");
    String setters = setters(bad.test(pod.context()), names(bad));
    if (!setters.isEmpty()) {
      add("hostProcess", setters + " must not set securityContext.windowsOptions.hostProcess=true");
    }
  }
}
