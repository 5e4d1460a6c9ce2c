/* A webcam for machines without one: LD_PRELOAD this, and /dev/video0 gives 640 x 480 YUYV at FAKE_V4L2_FPS.
 * The device is a memory file, so that mmap works by itself; only open, ioctl and select-like waiting are played.
 * FAKE_V4L2_JPEG: a file that every picture is when MJPEG is asked for; raw pictures come at 10 a second then.
 * FAKE_V4L2_FRAMES: unplugged (ENODEV) after so many pictures. FAKE_V4L2_STALL: after so many pictures one takes 8 s. A light square wanders over a grey ramp. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { W = 640, H = 480, BUFFERS = 4, BYTES = W * H * 2 };
static int camera = -1, queue[BUFFERS], queued, shown;
static unsigned char *memory;
static unsigned format = V4L2_PIX_FMT_YUYV;

static int fps(void) {
    const char *rate = getenv("FAKE_V4L2_FPS");
    if (getenv("FAKE_V4L2_JPEG") && format == V4L2_PIX_FMT_YUYV) return 10;
    return rate ? atoi(rate) : 30;
}

static int jpeg(unsigned char *to) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int file = real(getenv("FAKE_V4L2_JPEG"), O_RDONLY), size = read(file, to, BYTES);
    close(file);
    return size;
}

static int opened(void) {
    camera = memfd_create("fake-v4l2", 0);
    if (ftruncate(camera, BYTES * BUFFERS)) return -1;
    memory = mmap(NULL, BYTES * BUFFERS, PROT_READ | PROT_WRITE, MAP_SHARED, camera, 0);
    queued = shown = 0;
    return camera;
}
#define OPEN(name)                                                              \
    int name(const char *path, int flags, ...) {                                \
        va_list more; va_start(more, flags); int mode = va_arg(more, int); va_end(more); \
        if (!strcmp(path, "/dev/video0")) return opened();                      \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);          \
        return real(path, flags, mode);                                         \
    }
OPEN(open) OPEN(open64)

static void draw(unsigned char *to) {
    int x0 = 40 + shown * 4 % (W - 200), y0 = 160;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int inside = x >= x0 && x < x0 + 120 && y >= y0 && y < y0 + 120;
            to[(y * W + x) * 2] = inside ? 230 : 40 + x * 60 / W;
            to[(y * W + x) * 2 + 1] = inside && x % 2 ? 200 : 128;
        }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list more; va_start(more, request); void *arg = va_arg(more, void *); va_end(more);
    if (fd != camera || fd < 0) {
        int (*real)(int, unsigned long, void *) = dlsym(RTLD_NEXT, "ioctl");
        return real(fd, request, arg);
    }
    static int stalled;
    const char *limit = getenv("FAKE_V4L2_FRAMES"), *stall = getenv("FAKE_V4L2_STALL");
    struct v4l2_buffer *buffer = arg;
    switch ((unsigned)request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = arg; memset(c, 0, sizeof *c);
        strcpy((char *)c->driver, "fake"); strcpy((char *)c->card, "Fake camera");
        c->capabilities = c->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING; return 0; }
    case VIDIOC_G_FMT: case VIDIOC_S_FMT: case VIDIOC_TRY_FMT: {
        struct v4l2_pix_format *p = &((struct v4l2_format *)arg)->fmt.pix;
        int mjpg = p->pixelformat == V4L2_PIX_FMT_MJPEG && getenv("FAKE_V4L2_JPEG");
        if ((unsigned)request != VIDIOC_G_FMT) {
            if (p->pixelformat && p->pixelformat != V4L2_PIX_FMT_YUYV && !mjpg) { errno = EINVAL; return -1; }
            if ((unsigned)request == VIDIOC_S_FMT) format = mjpg ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
        }
        p->width = W; p->height = H; p->pixelformat = mjpg ? V4L2_PIX_FMT_MJPEG : (unsigned)request == VIDIOC_G_FMT ? format : V4L2_PIX_FMT_YUYV; p->bytesperline = W * 2; p->sizeimage = BYTES;
        p->field = V4L2_FIELD_NONE; return 0; }
    case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)arg)->count = BUFFERS; return 0;
    case VIDIOC_QUERYBUF: buffer->m.offset = buffer->index * BYTES; buffer->length = BYTES; return 0;
    case VIDIOC_QBUF: if (queued < BUFFERS) queue[queued++] = buffer->index; return 0;
    case VIDIOC_DQBUF:
        if (limit && shown >= atoi(limit)) { errno = ENODEV; return -1; }
        if (stall && shown >= atoi(stall) && !stalled++) { nanosleep(&(struct timespec){8, 0}, NULL); }
        if (!queued) { errno = EAGAIN; return -1; }
        nanosleep(&(struct timespec){0, 1000000000L / fps()}, NULL);
        buffer->index = queue[0]; memmove(queue, queue + 1, --queued * sizeof *queue);
        int size = BYTES;
        if (format == V4L2_PIX_FMT_MJPEG) size = jpeg(memory + buffer->index * BYTES); else draw(memory + buffer->index * BYTES);
        shown++;
        buffer->bytesused = size; buffer->length = BYTES; buffer->m.offset = buffer->index * BYTES; buffer->flags = 0;
        clock_gettime(CLOCK_MONOTONIC, &(struct timespec){0}); return 0;
    case VIDIOC_STREAMON: case VIDIOC_STREAMOFF: case VIDIOC_S_INPUT: return 0;
    case VIDIOC_S_PARM: case VIDIOC_G_PARM: {
        struct v4l2_captureparm *p = &((struct v4l2_streamparm *)arg)->parm.capture;
        p->capability = V4L2_CAP_TIMEPERFRAME;
        if ((unsigned)request == VIDIOC_G_PARM || p->timeperframe.denominator > (unsigned)fps() * p->timeperframe.numerator) {
            p->timeperframe.numerator = 1; p->timeperframe.denominator = fps();
        }
        return 0; }
    case VIDIOC_G_INPUT: *(int *)arg = 0; return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *i = arg; if (i->index) { errno = EINVAL; return -1; }
        i->type = V4L2_INPUT_TYPE_CAMERA; return 0; }
    default: errno = EINVAL; return -1;
    }
}
