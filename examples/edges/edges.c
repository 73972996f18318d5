/* edges INPUT_FOLDER OUTPUT_FOLDER: how strongly the brightness changes at each pixel of an image.
 *
 * Each 8-bit binary PGM in the input folder, scan.pgm for instance, becomes two files in the output folder:
 * scan.pgm, the strength of the edges from 0 to 255, and scan.json, the image's size and the mean strength.
 * What is no such PGM is named on stderr; the others are done all the same, and the exit code is 1.
 *
 * Of Longshore it knows one thing: the file that ALGORITHM_PROGRESS names, if any, gets a line such as
 * "0.50 scan.pgm" after each image.
 */

#define _POSIX_C_SOURCE 200809L /* scandir, alphasort */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_SIDE = 65535, LONGEST_PATH = 4096 };

struct image {
    size_t width, height;
    long white; /* the value that is white; 0 is black */
    unsigned char *pixels, *strengths;
};

/* The functions below that return a text return what is wrong, and NULL where nothing is. */

static FILE *open_in(const char *folder, const char *name, const char *mode)
{
    char path[LONGEST_PATH];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return fopen(path, mode);
}

/* The header's next number, which white space and comments may precede. -1 where it is not from 1 to most. */
static long next_number(FILE *file, long most)
{
    int c = getc(file);
    while (isspace(c) || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = getc(file);
        c = getc(file);
    }
    long number = 0;
    for (; isdigit(c) && number <= most; c = getc(file))
        number = 10 * number + (c - '0');
    ungetc(c, file);
    return number >= 1 && number <= most ? number : -1;
}

static const char *read_image(FILE *file, struct image *image)
{
    if (getc(file) != 'P' || getc(file) != '5')
        return "it is no binary PGM: it does not begin with P5";
    long width = next_number(file, LONGEST_SIDE), height = next_number(file, LONGEST_SIDE);
    if (width < 0 || height < 0)
        return "its header does not give a width and a height from 1 to 65535";
    image->white = next_number(file, 255);
    if (image->white < 0)
        return "its pixels are not of 8 bits: the header's third number is not from 1 to 255";
    if (!isspace(getc(file))) /* one alone: a pixel may look like white space, too */
        return "its header does not end with white space";
    image->width = (size_t)width;
    image->height = (size_t)height;
    size_t size = image->width * image->height;
    image->pixels = malloc(size);
    image->strengths = malloc(size);
    if (image->pixels == NULL || image->strengths == NULL)
        return "there is not enough memory for it";
    if (fread(image->pixels, 1, size, file) != size)
        return ferror(file) ? strerror(errno) : "the file ends before the last pixel";
    for (size_t i = 0; i < size; i++)
        if (image->pixels[i] > image->white)
            return "a pixel is larger than the header's third number";
    return NULL;
}

/* Find the strength at each pixel, and return their mean.
 *
 * A strength is the length of Sobel's gradient, scaled so that a straight step from black to white is 255;
 * corners can exceed that and are cut off there. Beyond the border lies what lies on it. */
static double find_edges(const struct image *image)
{
    size_t width = image->width, height = image->height;
    double scale = 255.0 / (4.0 * (double)image->white), sum = 0;
    for (size_t y = 0; y < height; y++) {
        const unsigned char *here = image->pixels + y * width;
        const unsigned char *above = y > 0 ? here - width : here;
        const unsigned char *below = y + 1 < height ? here + width : here;
        for (size_t x = 0; x < width; x++) {
            size_t left = x > 0 ? x - 1 : x, right = x + 1 < width ? x + 1 : x;
            int across = above[right] + 2 * here[right] + below[right]
                       - above[left] - 2 * here[left] - below[left];
            int down = below[left] + 2 * below[x] + below[right]
                     - above[left] - 2 * above[x] - above[right];
            double strength = scale * sqrt(across * across + down * down);
            unsigned char rounded = (unsigned char)(fmin(strength, 255) + 0.5);
            image->strengths[y * width + x] = rounded;
            sum += rounded;
        }
    }
    return sum / (double)(width * height);
}

/* A full disk may show only when the file is closed. */
static const char *closed(FILE *file)
{
    int failed = ferror(file);
    return fclose(file) != 0 || failed ? strerror(errno) : NULL;
}

static const char *write_results(const char *folder, const char *name, const struct image *image, double mean)
{
    FILE *file = open_in(folder, name, "wb");
    if (file == NULL)
        return strerror(errno);
    fprintf(file, "P5\n%zu %zu\n255\n", image->width, image->height);
    fwrite(image->strengths, 1, image->width * image->height, file);
    const char *wrong = closed(file);
    if (wrong != NULL)
        return wrong;
    char summary[LONGEST_PATH]; /* scan.pgm -> scan.json */
    snprintf(summary, sizeof summary, "%.*s.json", (int)(strlen(name) - strlen(".pgm")), name);
    file = open_in(folder, summary, "w");
    if (file == NULL)
        return strerror(errno);
    fprintf(file, "{\"width\": %zu, \"height\": %zu, \"mean_edge_strength\": %.3f}\n", image->width,
            image->height, mean);
    return closed(file);
}

static const char *process(const char *input, const char *output, const char *name)
{
    FILE *file = open_in(input, name, "rb");
    if (file == NULL)
        return strerror(errno);
    struct image image = {0};
    const char *wrong = read_image(file, &image);
    fclose(file);
    if (wrong == NULL) {
        double mean = find_edges(&image);
        wrong = write_results(output, name, &image, mean);
        if (wrong == NULL)
            printf("%s: %zu x %zu, mean edge strength %.3f\n", name, image.width, image.height, mean);
    }
    free(image.pixels);
    free(image.strengths);
    return wrong;
}

/* Nothing is checked: the work must not fail because nobody can be told how far it is. */
static void tell_progress(double fraction, const char *name)
{
    const char *path = getenv("ALGORITHM_PROGRESS");
    FILE *file = path != NULL ? fopen(path, "a") : NULL;
    if (file != NULL) {
        fprintf(file, "%.2f %s\n", fraction, name);
        fclose(file);
    }
}

static int is_pgm(const struct dirent *entry)
{
    return fnmatch("?*.pgm", entry->d_name, 0) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: edges INPUT_FOLDER OUTPUT_FOLDER\n");
        return 2;
    }
    struct dirent **found;
    int count = scandir(argv[1], &found, is_pgm, alphasort);
    if (count <= 0) {
        fprintf(stderr, "edges: %s: %s\n", argv[1], count < 0 ? strerror(errno) : "no *.pgm is in it");
        return 1;
    }
    int failed = 0;
    for (int i = 0; i < count; i++) {
        const char *wrong = process(argv[1], argv[2], found[i]->d_name);
        if (wrong != NULL) {
            fprintf(stderr, "edges: %s: %s\n", found[i]->d_name, wrong);
            failed = 1;
        }
        tell_progress((i + 1) / (double)count, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return failed;
}
