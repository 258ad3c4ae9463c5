// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import dev.fairway.kubelet.cri.Cri;
import dev.fairway.kubelet.cri.CriException;
import dev.fairway.kubelet.cri.v1.ExecSyncResponse;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerPort;
import io.fabric8.kubernetes.api.model.ExecAction;
import io.fabric8.kubernetes.api.model.GRPCAction;
import io.fabric8.kubernetes.api.model.HTTPGetAction;
import io.fabric8.kubernetes.api.model.HTTPHeader;
import io.fabric8.kubernetes.api.model.IntOrString;
import io.fabric8.kubernetes.api.model.LifecycleHandler;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.TCPSocketAction;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/// The small things a node does to a container on its behalf: run a command, ask a URL, open a
/// port. Used by probes and by lifecycle hooks.
final class Actions {
  private static final int MAX_ANSWER_BYTES = 10 * 1024;

  private final Cri cri;

  Actions(Cri cri) {
    this.cri = cri;
  }

  /// Where to: the container and the address its pod is reached at.
  record Target(Container container, String containerId, String address) {}

  /// @param output what to tell the user of a failure
  record Outcome(boolean success, String output) {
    static Outcome failure(String output) {
      return new Outcome(false, output);
    }
  }

  Outcome probe(Probe probe, Target target) {
    Duration timeout = Duration.ofSeconds(orElse(probe.getTimeoutSeconds(), 1));
    if (probe.getExec() != null) {
      return exec(probe.getExec(), target, timeout);
    }
    if (probe.getHttpGet() != null) {
      return http(probe.getHttpGet(), target, timeout);
    }
    if (probe.getTcpSocket() != null) {
      return tcp(probe.getTcpSocket(), target, timeout);
    }
    GRPCAction grpc = probe.getGrpc();
    return grpc == null
        ? Outcome.failure("the probe has no action")
        : connect(target.address(), grpc.getPort(), timeout);
  }

  Outcome hook(LifecycleHandler hook, Target target, Duration timeout) throws InterruptedException {
    if (hook.getExec() != null) {
      return exec(hook.getExec(), target, timeout);
    }
    if (hook.getHttpGet() != null) {
      return http(hook.getHttpGet(), target, timeout);
    }
    if (hook.getTcpSocket() != null) {
      return tcp(hook.getTcpSocket(), target, timeout);
    }
    if (hook.getSleep() != null) {
      Duration sleep = Duration.ofSeconds(hook.getSleep().getSeconds());
      Thread.sleep(sleep.compareTo(timeout) > 0 ? timeout : sleep);
    }
    return new Outcome(true, "");
  }

  private Outcome exec(ExecAction action, Target target, Duration timeout) {
    try {
      List<String> command = action.getCommand() == null ? List.of() : action.getCommand();
      ExecSyncResponse answer = cri.exec(target.containerId(), command, timeout);
      String output = answer.getStdout().toStringUtf8() + answer.getStderr().toStringUtf8();
      return new Outcome(answer.getExitCode() == 0, shorten(output));
    } catch (CriException e) {
      return Outcome.failure(e.reason());
    }
  }

  private static Outcome tcp(TCPSocketAction action, Target target, Duration timeout) {
    String host = action.getHost();
    return connect(
        host == null || host.isEmpty() ? target.address() : host,
        port(action.getPort(), target.container()),
        timeout);
  }

  private static Outcome connect(String host, int port, Duration timeout) {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(host, port), (int) timeout.toMillis());
      return new Outcome(true, "");
    } catch (IOException | IllegalArgumentException e) {
      return Outcome.failure("dial tcp " + host + ":" + port + ": " + e.getMessage());
    }
  }

  /// One request on a connection of its own. A redirect is not followed; it counts as success, as
  /// any status from 200 to 399 does.
  private static Outcome http(HTTPGetAction action, Target target, Duration timeout) {
    String host =
        action.getHost() == null || action.getHost().isEmpty()
            ? target.address()
            : action.getHost();
    String path = action.getPath() == null ? "/" : action.getPath();
    boolean tls = "HTTPS".equals(action.getScheme());
    String url = "";
    try {
      int port = port(action.getPort(), target.container());
      url = (tls ? "https" : "http") + "://" + host + ":" + port + path;
      try (Socket socket = open(host, port, timeout, tls)) {
        socket.getOutputStream().write(request(action, host, port, path));
        return answer(socket.getInputStream());
      }
    } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
      return Outcome.failure("Get \"" + url + "\": " + e.getMessage());
    }
  }

  private static Socket open(String host, int port, Duration timeout, boolean tls)
      throws IOException, GeneralSecurityException {
    Socket plain = new Socket();
    try {
      plain.connect(new InetSocketAddress(host, port), (int) timeout.toMillis());
      plain.setSoTimeout((int) timeout.toMillis());
      return tls ? trusting().getSocketFactory().createSocket(plain, host, port, true) : plain;
    } catch (IOException | GeneralSecurityException | RuntimeException e) {
      plain.close();
      throw e;
    }
  }

  private static byte[] request(HTTPGetAction action, String host, int port, String path) {
    StringBuilder head = new StringBuilder(256);
    head.append("GET ").append(path.startsWith("/") ? path : "/" + path).append(" HTTP/1.1\r\n");
    String hostHeader = host + ":" + port;
    StringBuilder own = new StringBuilder();
    boolean agent = false;
    if (action.getHttpHeaders() != null) {
      for (HTTPHeader header : action.getHttpHeaders()) {
        if (header.getName().equalsIgnoreCase("Host")) {
          hostHeader = header.getValue();
        } else {
          agent |= header.getName().equalsIgnoreCase("User-Agent");
          own.append(line(header.getName())).append(": ").append(line(header.getValue()));
          own.append("\r\n");
        }
      }
    }
    head.append("Host: ").append(line(hostHeader)).append("\r\n");
    if (!agent) {
      head.append("User-Agent: kube-probe/1.36\r\n");
    }
    head.append("Accept: */*\r\nConnection: close\r\n").append(own).append("\r\n");
    return head.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  private static Outcome answer(InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MAX_ANSWER_BYTES);
    String text = new String(bytes, StandardCharsets.UTF_8);
    String[] words = text.split("[ \r\n]", 3);
    if (words.length < 3 || !words[0].startsWith("HTTP/1.")) {
      return Outcome.failure("the answer is not HTTP");
    }
    int status;
    try {
      status = Integer.parseInt(words[1]);
    } catch (NumberFormatException e) {
      return Outcome.failure("the answer has no HTTP status");
    }
    return new Outcome(
        status >= 200 && status < 400, "HTTP probe failed with statuscode: " + status);
  }

  /// A port by number, or by its name in the container's list.
  private static int port(IntOrString port, Container container) {
    if (port.getIntVal() != null) {
      return port.getIntVal();
    }
    String name = Objects.requireNonNullElse(port.getStrVal(), "");
    if (container.getPorts() != null) {
      for (ContainerPort known : container.getPorts()) {
        if (name.equals(known.getName())) {
          return known.getContainerPort();
        }
      }
    }
    if (!name.isEmpty() && name.chars().allMatch(Character::isDigit) && name.length() < 6) {
      return Integer.parseInt(name);
    }
    throw new IllegalArgumentException(
        "the container " + container.getName() + " has no port named '" + name + "'");
  }

  private static String line(String text) {
    return text.replace('\r', ' ').replace('\n', ' ');
  }

  private static String shorten(String text) {
    String lower = text.strip();
    return lower.length() > MAX_ANSWER_BYTES ? lower.substring(0, MAX_ANSWER_BYTES) : lower;
  }

  private static int orElse(Integer value, int otherwise) {
    return value == null || value < 1 ? otherwise : value;
  }

  /// Probes ask whether a server answers, not who it is, so any certificate will do.
  private static SSLContext trusting() throws GeneralSecurityException {
    X509TrustManager any =
        new X509TrustManager() {
          @Override
          public void checkClientTrusted(X509Certificate[] chain, String type) {}

          @Override
          public void checkServerTrusted(X509Certificate[] chain, String type) {}

          @Override
          public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
          }
        };
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new TrustManager[] {any}, null);
    return context;
  }
}
