// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvFromSource;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.EnvVarSource;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.ServicePort;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// The variables a container starts with: Services, then `envFrom`, then `env`, later ones winning.
final class Environment {
  private final ClusterObjects objects;
  private final PodFields fields;
  private final String namespace;

  Environment(ClusterObjects objects, PodFields fields) {
    this.objects = objects;
    this.fields = fields;
    this.namespace = fields.pod().getMetadata().getNamespace();
  }

  Map<String, String> of(Container container) throws NotReadyException {
    Map<String, String> variables = new LinkedHashMap<>();
    addServices(variables);
    if (container.getEnvFrom() != null) {
      for (EnvFromSource source : container.getEnvFrom()) {
        addAll(variables, source);
      }
    }
    if (container.getEnv() != null) {
      for (EnvVar variable : container.getEnv()) {
        add(variables, variable, container);
      }
    }
    return variables;
  }

  private void add(Map<String, String> variables, EnvVar variable, Container container)
      throws NotReadyException {
    EnvVarSource from = variable.getValueFrom();
    if (from == null) {
      String value = variable.getValue() == null ? "" : variable.getValue();
      variables.put(variable.getName(), Expansion.of(value, variables));
      return;
    }
    Optional<String> value;
    if (from.getFieldRef() != null) {
      value = Optional.of(fields.field(from.getFieldRef().getFieldPath()));
    } else if (from.getResourceFieldRef() != null) {
      value = Optional.of(fields.resource(from.getResourceFieldRef(), container));
    } else if (from.getConfigMapKeyRef() != null) {
      var ref = from.getConfigMapKeyRef();
      value =
          pick("configmap", ref.getName(), ref.getKey(), ref.getOptional(), config(ref.getName()));
    } else if (from.getSecretKeyRef() != null) {
      var ref = from.getSecretKeyRef();
      value = pick("secret", ref.getName(), ref.getKey(), ref.getOptional(), secret(ref.getName()));
    } else {
      value = Optional.empty();
    }
    value.ifPresent(text -> variables.put(variable.getName(), text));
  }

  private void addAll(Map<String, String> variables, EnvFromSource source)
      throws NotReadyException {
    String prefix = source.getPrefix() == null ? "" : source.getPrefix();
    Optional<Map<String, String>> found = Optional.empty();
    String kind = "";
    String name = "";
    boolean optional = true;
    if (source.getConfigMapRef() != null) {
      kind = "configmap";
      name = source.getConfigMapRef().getName();
      optional = Boolean.TRUE.equals(source.getConfigMapRef().getOptional());
      found = config(name);
    } else if (source.getSecretRef() != null) {
      kind = "secret";
      name = source.getSecretRef().getName();
      optional = Boolean.TRUE.equals(source.getSecretRef().getOptional());
      found = secret(name);
    }
    if (found.isEmpty() && !optional) {
      throw missing(kind + " \"" + name + "\" not found");
    }
    found.ifPresent(values -> values.forEach((key, value) -> variables.put(prefix + key, value)));
  }

  private static Optional<String> pick(
      String kind, String name, String key, Boolean optional, Optional<Map<String, String>> values)
      throws NotReadyException {
    boolean may = Boolean.TRUE.equals(optional);
    if (values.isEmpty() && !may) {
      throw missing(kind + " \"" + name + "\" not found");
    }
    Optional<String> value = values.map(found -> found.get(key));
    if (value.isEmpty() && !may) {
      throw missing("couldn't find key " + key + " in " + kind + " \"" + name + "\"");
    }
    return value;
  }

  private Optional<Map<String, String>> config(String name) {
    return objects.configMap(namespace, name).map(Environment::values);
  }

  private Optional<Map<String, String>> secret(String name) {
    return objects.secret(namespace, name).map(Environment::decoded);
  }

  private static Map<String, String> values(ConfigMap configMap) {
    return configMap.getData() == null ? Map.of() : configMap.getData();
  }

  private static Map<String, String> decoded(Secret secret) {
    Map<String, String> values = new LinkedHashMap<>();
    if (secret.getData() != null) {
      secret
          .getData()
          .forEach((key, value) ->
              values.put(
                  key, new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8)));
    }
    return values;
  }

  /// The API server's Service for all, the namespace's own ones unless `enableServiceLinks` is off.
  private void addServices(Map<String, String> variables) {
    boolean links = !Boolean.FALSE.equals(fields.pod().getSpec().getEnableServiceLinks());
    for (Service service : objects.services()) {
      var metadata = service.getMetadata();
      boolean api =
          metadata.getNamespace().equals("default") && metadata.getName().equals("kubernetes");
      String ip = service.getSpec().getClusterIP();
      boolean reachable = ip != null && !ip.isEmpty() && !ip.equals("None");
      if (reachable && (api || (links && metadata.getNamespace().equals(namespace)))) {
        addService(variables, metadata.getName(), ip, service.getSpec().getPorts());
      }
    }
  }

  private static void addService(
      Map<String, String> variables, String service, String ip, List<ServicePort> ports) {
    if (ports == null || ports.isEmpty()) {
      return;
    }
    String name = upper(service);
    ServicePort first = ports.getFirst();
    String url = protocol(first).toLowerCase(Locale.ROOT) + "://" + ip + ":" + first.getPort();
    variables.put(name + "_SERVICE_HOST", ip);
    variables.put(name + "_SERVICE_PORT", Integer.toString(first.getPort()));
    for (ServicePort port : ports) {
      if (port.getName() != null && !port.getName().isEmpty()) {
        variables.put(
            name + "_SERVICE_PORT_" + upper(port.getName()), Integer.toString(port.getPort()));
      }
    }
    variables.put(name + "_PORT", url);
    for (ServicePort port : ports) {
      String protocol = protocol(port);
      String prefix = name + "_PORT_" + port.getPort() + "_" + protocol;
      String lower = protocol.toLowerCase(Locale.ROOT);
      variables.put(prefix, lower + "://" + ip + ":" + port.getPort());
      variables.put(prefix + "_PROTO", lower);
      variables.put(prefix + "_PORT", Integer.toString(port.getPort()));
      variables.put(prefix + "_ADDR", ip);
    }
  }

  private static String protocol(ServicePort port) {
    return port.getProtocol() == null ? "TCP" : port.getProtocol();
  }

  private static String upper(String name) {
    return name.toUpperCase(Locale.ROOT).replace('-', '_').replace('.', '_');
  }

  private static NotReadyException missing(String message) {
    return new NotReadyException("CreateContainerConfigError", message);
  }
}
