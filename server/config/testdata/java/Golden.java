import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;

/**
 * Writes what java.util.Properties reads from random inputs, one a line: the input in hexadecimal, then
 * either "error" or key and value of each property in UTF-8 hexadecimal ("-" for empty).
 * Made with: java Golden.java 400 > ../properties.golden
 */
public class Golden {
    private static final String[] PIECES = {
        "a", "b", "key", "=", ":", " ", "\t", "\f", "\\", "\\\\", "\n", "\r", "\r\n", "#", "!", "\\\n", "\\\r\n",
        "\\u0041", "\\u00e9", "\\ud83d\\ude00", "\\u12", "\\t", "\\n", "\\:", "\\=", "\\#", "\\ ", "\\x", "\u00e9", "\u0001",
    };

    public static void main(String[] args) throws Exception {
        Random random = new Random(1);
        for (int i = 0; i < Integer.parseInt(args[0]); i++) {
            StringBuilder text = new StringBuilder();
            for (int n = random.nextInt(24); n >= 0; n--) {
                text.append(PIECES[random.nextInt(PIECES.length)]);
            }
            byte[] input = text.toString().getBytes(StandardCharsets.ISO_8859_1);
            System.out.println(HexFormat.of().formatHex(input) + read(input));
        }
    }

    private static String read(byte[] input) throws Exception {
        Properties properties = new Properties();
        try {
            properties.load(new ByteArrayInputStream(input));
        } catch (IllegalArgumentException e) {
            return " error";
        }
        Map<String, String> sorted = new TreeMap<>();
        for (Map.Entry<Object, Object> e : properties.entrySet()) {
            sorted.put(hex(e.getKey().toString()), hex(e.getValue().toString()));
        }
        StringBuilder out = new StringBuilder();
        sorted.forEach((k, v) -> out.append(' ').append(k).append(' ').append(v));
        return out.toString();
    }

    private static String hex(String s) {
        String h = HexFormat.of().formatHex(s.getBytes(StandardCharsets.UTF_8));
        return h.isEmpty() ? "-" : h;
    }
}
