// SPDX-License-Identifier: Apache-2.0
package dev.fairway.schemas.generate;

import com.google.gson.annotations.SerializedName;
import io.swagger.annotations.ApiModel;
import io.swagger.annotations.ApiModelProperty;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Walks the model classes of the official Java client and writes `definitions.txt` and
/// `descriptions.txt`.
///
/// Arguments: the folder with the hand-kept tables, the folder to write to.
public final class SchemaGenerator {
  private static final String MODELS = "io.kubernetes.client.openapi.models.";
  private static final Pattern CLASS_NAME =
      Pattern.compile(
          "(Admissionregistration|Apiextensions|Apiregistration|Authentication|Core|Discovery|Events"
              + "|Flowcontrol|Rbac|Resource|Storage)?V\\d+(?:(?:alpha|beta)\\d+)?(.*)");

  private final Map<String, String> handKept = new HashMap<>();
  private final Map<Class<?>, String> names = new HashMap<>();
  private final Map<String, String> definitions = new TreeMap<>();
  private final Map<String, String> descriptions = new TreeMap<>();
  private final Deque<Class<?>> waiting = new ArrayDeque<>();

  private SchemaGenerator() {}

  public static void main(String[] arguments) throws IOException, ClassNotFoundException {
    Path tables = Path.of(arguments[0]);
    Path output = Path.of(arguments[1]);
    SchemaGenerator generator = new SchemaGenerator();
    generator.readHandKept(tables.resolve("hints.txt"));
    generator.walk(tables.resolve("roots.txt"));
    Files.createDirectories(output);
    Files.writeString(
        output.resolve("definitions.txt"), String.join("", generator.definitions.values()));
    Files.writeString(
        output.resolve("descriptions.txt"), String.join("", generator.descriptions.values()));
  }

  private void readHandKept(Path file) throws IOException {
    for (String line : Files.readAllLines(file)) {
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      int space = line.indexOf(' ');
      handKept.put(line.substring(0, space), line.substring(space + 1).strip());
    }
  }

  private void walk(Path roots) throws IOException, ClassNotFoundException {
    List<String[]> lines = new ArrayList<>();
    for (String line : Files.readAllLines(roots)) {
      if (!line.isBlank() && !line.startsWith("#")) {
        lines.add(line.split(" +"));
      }
    }
    // All named classes first, so that a reference from an earlier package does not claim them.
    for (String[] words : lines) {
      for (int i = 1; i < words.length; i++) {
        nameRoot(words[0], words[i]);
      }
    }
    for (String[] words : lines) {
      for (int i = 1; i < words.length; i++) {
        waiting.add(root(words[i].replaceFirst("=.*", "")));
        Class<?> list = listOf(words[i]);
        if (list != null) {
          waiting.add(list);
        }
        while (!waiting.isEmpty()) {
          write(words[0], waiting.remove());
        }
      }
    }
    for (String unused : handKept.keySet()) {
      throw new IllegalStateException("hints.txt names an unknown field: " + unused);
    }
  }

  private void nameRoot(String definitionPackage, String word) throws ClassNotFoundException {
    int equals = word.indexOf('=');
    Class<?> model = root(equals < 0 ? word : word.substring(0, equals));
    String name = equals < 0 ? simpleName(model) : word.substring(equals + 1);
    names.put(model, definitionPackage + "." + name);
    Class<?> list = listOf(word);
    if (list != null) {
      names.put(list, definitionPackage + "." + name + "List");
    }
  }

  private static Class<?> root(String word) throws ClassNotFoundException {
    Class<?> versioned = find("V1" + word);
    return versioned == null ? Class.forName(MODELS + word) : versioned;
  }

  private static @Nullable Class<?> listOf(String word) {
    Class<?> versioned = find("V1" + word + "List");
    return versioned == null ? find(word + "List") : versioned;
  }

  private static @Nullable Class<?> find(String name) {
    try {
      return Class.forName(MODELS + name, false, SchemaGenerator.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      return null;
    }
  }

  private static String simpleName(Class<?> model) {
    Matcher matcher = CLASS_NAME.matcher(model.getSimpleName());
    return matcher.matches() ? matcher.group(2) : model.getSimpleName();
  }

  private void write(String definitionPackage, Class<?> model) {
    String name = names.computeIfAbsent(model, m -> definitionPackage + "." + simpleName(m));
    if (definitions.containsKey(name)) {
      return;
    }
    StringBuilder text = new StringBuilder("=").append(name).append('\n');
    StringBuilder said = new StringBuilder("=").append(name).append('\t');
    ApiModel about = model.getAnnotation(ApiModel.class);
    said.append(about == null ? "" : oneLine(about.description())).append('\n');
    String whole = handKept.remove(name);
    if (whole != null) {
      text.append("* ").append(whole).append('\n');
    }
    Map<String, ApiModelProperty> properties = properties(model);
    for (Field field : model.getDeclaredFields()) {
      SerializedName serialized = field.getAnnotation(SerializedName.class);
      if (serialized == null) {
        continue;
      }
      String json = serialized.value();
      ApiModelProperty property = properties.get(getter(field.getName()));
      String hint = handKept.remove(name + "." + json);
      String type = type(definitionPackage, field.getGenericType());
      if (hint != null && hint.startsWith("type=")) {
        int space = hint.indexOf(' ');
        type = hint.substring(5, space < 0 ? hint.length() : space);
        hint = space < 0 ? null : hint.substring(space + 1);
      }
      text.append(json).append(' ').append(type);
      if (property != null && property.required()) {
        text.append(" !");
      }
      if (hint != null) {
        text.append(' ').append(hint);
      }
      text.append('\n');
      if (property != null && !property.value().isEmpty()) {
        said.append(json).append('\t').append(oneLine(property.value())).append('\n');
      }
    }
    definitions.put(name, text.toString());
    descriptions.put(name, said.toString());
  }

  private static Map<String, ApiModelProperty> properties(Class<?> model) {
    Map<String, ApiModelProperty> properties = new HashMap<>();
    for (Method method : model.getDeclaredMethods()) {
      ApiModelProperty property = method.getAnnotation(ApiModelProperty.class);
      if (property != null) {
        properties.put(letters(method.getName().substring(3)), property);
      }
    }
    return properties;
  }

  private static String getter(String field) {
    return letters(field);
  }

  /// Field and getter names differ in case and in marks put before Java's own words.
  private static String letters(String name) {
    return name.replaceAll("[^A-Za-z0-9]", "").toLowerCase(java.util.Locale.ROOT);
  }

  private static String oneLine(String text) {
    return text.replace("\r", "").replace("\t", " ").replace("\n", "\\n");
  }

  private String type(String definitionPackage, Type type) {
    if (type instanceof ParameterizedType parameterized) {
      Type[] arguments = parameterized.getActualTypeArguments();
      return parameterized.getRawType() == Map.class
          ? "{}" + type(definitionPackage, arguments[1])
          : "[]" + type(definitionPackage, arguments[0]);
    }
    Class<?> plain = (Class<?>) type;
    return switch (plain.getSimpleName()) {
      case "String" -> "string";
      case "Boolean" -> "boolean";
      case "Integer" -> "integer/int32";
      case "Long" -> "integer/int64";
      case "Double" -> "number/double";
      case "byte[]" -> "string/byte";
      case "Object" -> "any";
      case "IntOrString" -> "int-or-string";
      case "Quantity" -> "quantity";
      default ->
          plain == OffsetDateTime.class ? "string/date-time" : reference(definitionPackage, plain);
    };
  }

  private String reference(String definitionPackage, Class<?> model) {
    if (!model.getName().startsWith(MODELS)) {
      throw new IllegalStateException("no schema for " + model.getName());
    }
    waiting.add(model);
    return "@" + names.computeIfAbsent(model, m -> definitionPackage + "." + simpleName(m));
  }
}
